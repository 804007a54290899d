import { expect, test } from 'vitest';
import { Refusal, serve } from '../testing/server';
import { http } from './client';
import { lastMade } from './made';

const HOST = window.location.origin;
const nothing = { items: [], next_cursor: null };

test('what was asked and answered is remembered, newest first, each reading once', async () => {
  serve({
    'GET /api/v1/assets': nothing,
    'GET /api/v1/jobs': nothing,
    'POST /api/v1/keys': new Refusal(422, 'no', 'no'),
  });
  await http.GET('/api/v1/assets');
  await http.GET('/api/v1/jobs');
  await http.GET('/api/v1/assets');
  await http.POST('/api/v1/keys', { body: { name: 'a', scopes: ['*'], expires_at: null } });
  expect(lastMade().slice(0, 2)).toEqual([
    { method: 'GET', url: `${HOST}/api/v1/assets`, body: null },
    { method: 'GET', url: `${HOST}/api/v1/jobs`, body: null },
  ]);
  expect(lastMade().filter(({ url }) => url.endsWith('assets'))).toHaveLength(1);
});

test('nothing that was typed in secret is remembered, and no log-in at all', async () => {
  serve({ 'PATCH /api/v1/assets/a': {}, 'POST /api/v1/login': {}, 'POST /api/v1/me/password': null });
  const body = { title: 'Film', password: 'hunter2' } as never;
  await http.PATCH('/api/v1/assets/{asset_id}', { params: { path: { asset_id: 'a' } }, body });
  await http.POST('/api/v1/login', { body: { email: 'a@example.com', password: 'hunter2', kind: 'browser' } });
  await http.POST('/api/v1/me/password', { body: { current_password: 'hunter2', password: 'hunter3' } });
  expect(lastMade()[0]?.body).toEqual({ json: { title: 'Film', password: '…' } });
  expect(JSON.stringify(lastMade())).not.toContain('hunter');
});
