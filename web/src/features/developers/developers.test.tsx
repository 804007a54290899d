import { fireEvent, screen, waitFor, within } from '@testing-library/react';
import { expect, test } from 'vitest';
import { caller } from '../../testing/facts';
import { show } from '../../testing/render';
import { type Asked, Refusal, serve } from '../../testing/server';
import { Developers } from './developers';

const AT = '2026-11-21T10:00:00Z';
const key = (id: string, name: string) => ({
  ...{ id, name, prefix: 'vck_AbCdEfGh', scopes: ['assets:read'], replaces: null },
  ...{ created_at: AT, expires_at: null, last_used_at: null, revoked_at: null },
});
const hook = {
  ...{ id: 'hook_1', url: 'https://example.com/hook', description: '', events: ['asset.*'], enabled: true },
  ...{ disabled_reason: null, failing_since: null, created_at: AT, updated_at: AT },
};
const page = (...items: unknown[]) => ({ items, next_cursor: null });
const bodies = (asked: Asked[], method: string) => asked.filter((one) => one.method === method).map(({ body }) => body);

test('a key is made with the scopes that one has, and shown this once', async () => {
  const scopes = ['assets:read', 'keys:read', 'keys:write'] as const;
  const asked = serve({
    'GET /api/v1/caller': caller({ scopes: [...scopes] }),
    'GET /api/v1/keys': page(key('key_2', 'shop')),
    'POST /api/v1/keys': { ...key('key_3', 'new'), secret: 'vck_secret' },
  });
  const { user } = await show(<Developers tab="keys" onTab={() => undefined} />);
  await user.click(await screen.findByRole('button', { name: 'Make a key' }));
  const dialog = await screen.findByRole('dialog', { name: 'Make a key' });
  expect(within(dialog).getAllByRole('checkbox')).toHaveLength(scopes.length);
  await user.type(within(dialog).getByLabelText('Name'), 'new');
  expect(within(dialog).getByRole('button', { name: 'Make it' }).hasAttribute('disabled')).toBe(true);
  await user.click(within(dialog).getByLabelText('assets:read'));
  await user.selectOptions(within(dialog).getByLabelText('It ends after'), 'Never');
  await user.click(within(dialog).getByRole('button', { name: 'Make it' }));
  const shown = await screen.findByRole('dialog', { name: 'Your new key' });
  expect(within(shown).getByDisplayValue('vck_secret')).toBeDefined();
  expect(bodies(asked, 'POST')).toEqual([{ name: 'new', scopes: ['assets:read'], expires_at: null }]);
  await user.click(within(shown).getByRole('button', { name: 'I have it' }));
  await waitFor(() => expect(screen.queryByDisplayValue('vck_secret')).toBeNull());
});

test('a key is made once, is listed then, and does not go by a click beside it', async () => {
  const answers: ((answer: unknown) => void)[] = [];
  let keys = [key('key_2', 'shop')];
  const asked = serve({
    'GET /api/v1/caller': caller({ scopes: ['keys:read', 'keys:write'] }),
    'GET /api/v1/keys': () => page(...keys),
    'POST /api/v1/keys': () => new Promise((resolve) => answers.push(resolve)),
  });
  const { user } = await show(<Developers tab="keys" onTab={() => undefined} />);
  await user.click(await screen.findByRole('button', { name: 'Make a key' }));
  await user.click(await screen.findByLabelText('keys:read'));
  await user.type(screen.getByLabelText('Name'), 'new{Enter}{Enter}');
  await waitFor(() => expect(answers).toHaveLength(1));
  keys = [...keys, key('key_3', 'new')];
  answers[0]?.({ ...key('key_3', 'new'), secret: 'vck_secret' });
  expect(await screen.findByDisplayValue('vck_secret')).toBeDefined();
  expect(bodies(asked, 'POST')).toHaveLength(1);
  fireEvent.pointerDown(document.body);
  fireEvent.click(document.body);
  expect(screen.getByDisplayValue('vck_secret')).toBeDefined();
  await user.click(screen.getByRole('button', { name: 'I have it' }));
  expect(await screen.findByRole('button', { name: 'Revoke new' })).toBeDefined();
});

test('a key is revoked only when one means it', async () => {
  const asked = serve({
    'GET /api/v1/caller': caller(),
    'GET /api/v1/keys': page(key('key_2', 'shop')),
    'DELETE /api/v1/keys/key_2': key('key_2', 'shop'),
  });
  const { user } = await show(<Developers tab="keys" onTab={() => undefined} />);
  await user.click(await screen.findByRole('button', { name: 'Revoke shop' }));
  expect(bodies(asked, 'DELETE')).toEqual([]);
  await user.click(await screen.findByRole('button', { name: 'Revoke it' }));
  expect(await screen.findByText('The key opens nothing now.')).toBeDefined();
  expect(bodies(asked, 'DELETE')).toHaveLength(1);
});

test('an endpoint is added, its secret is shown, and what is wrong with it is told', async () => {
  let refused = true;
  const asked = serve({
    'GET /api/v1/caller': caller(),
    'GET /api/v1/webhooks': page(),
    'POST /api/v1/webhooks': () => {
      const answer = refused
        ? new Refusal(422, 'url_private', 'Private addresses are refused.')
        : { ...hook, secret: 'whsec_x' };
      refused = false;
      return answer;
    },
  });
  const { user } = await show(<Developers tab="webhooks" onTab={() => undefined} />);
  await user.click(await screen.findByRole('button', { name: 'Add an endpoint' }));
  await user.type(await screen.findByLabelText('Address'), 'https://example.com/hook');
  await user.click(screen.getByRole('button', { name: 'Add it' }));
  expect(await screen.findByText('Private addresses are refused.')).toBeDefined();
  await user.click(screen.getByRole('button', { name: 'Add it' }));
  expect(await screen.findByDisplayValue('whsec_x')).toBeDefined();
  const wish = {
    url: 'https://example.com/hook',
    events: ['asset.*', 'job.*', 'upload.*'],
    description: '',
    enabled: true,
  };
  expect(bodies(asked, 'POST')).toEqual([wish, wish]);
});

test('an endpoint is told of other events, at another address', async () => {
  let answer: unknown = new Refusal(422, 'event_type_unknown', 'There is no type "jobs.*".');
  const asked = serve({
    'GET /api/v1/caller': caller(),
    'GET /api/v1/webhooks': page(hook),
    'PATCH /api/v1/webhooks/hook_1': () => answer,
  });
  const { user } = await show(<Developers tab="webhooks" onTab={() => undefined} />);
  await user.click(await screen.findByRole('button', { name: 'Change' }));
  const events = await screen.findByLabelText('Events');
  expect(events).toHaveProperty('value', hook.events.join('\n'));
  await user.clear(events);
  await user.type(events, 'jobs.*');
  await user.type(screen.getByLabelText('Description'), 'Tells the shop');
  await user.click(screen.getByRole('button', { name: 'Save' }));
  expect(await screen.findByText('There is no type "jobs.*".')).toBeDefined();
  answer = hook;
  await user.click(screen.getByRole('button', { name: 'Save' }));
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  const wish = { url: hook.url, events: ['jobs.*'], description: 'Tells the shop' };
  expect(bodies(asked, 'PATCH')).toEqual([wish, wish]);
});

test('deliveries show what was sent and answered, and are sent again', async () => {
  const attempt = {
    ...{ started_at: AT, latency_ms: 12, url: hook.url, request_headers: {}, response_status: 500 },
    ...{ response_body: '<b>broken</b>', error_code: 'webhook_refused', error_detail: 'It answered 500.' },
  };
  const delivery = {
    ...{ id: 'msg_1', webhook_id: 'hook_1', seq: 7, type: 'asset.ready', subject_id: 'asset_1', status: 'failed' },
    ...{
      next_attempt_at: null,
      created_at: AT,
      ended_at: AT,
      request_body: '{"type":"asset.ready"}',
      attempts: [attempt],
    },
  };
  const asked = serve({
    'GET /api/v1/caller': caller(),
    'GET /api/v1/webhooks': page(hook),
    'POST /api/v1/webhooks/hook_1/ping': delivery,
    'GET /api/v1/webhooks/hook_1/deliveries': page(delivery),
    'POST /api/v1/webhooks/hook_1/deliveries/msg_1/replay': delivery,
  });
  const { user } = await show(<Developers tab="webhooks" onTab={() => undefined} />);
  await user.click(await screen.findByRole('button', { name: 'Test' }));
  await user.click(await screen.findByRole('button', { name: 'asset.ready' }));
  expect(screen.getByText('<b>broken</b>')).toBeDefined();
  expect(screen.getByText('It answered 500.')).toBeDefined();
  expect(screen.getByText('Answer 500, after 12 ms')).toBeDefined();
  await user.click(screen.getByRole('button', { name: 'Send again' }));
  await waitFor(() =>
    expect(asked.filter(({ method }) => method === 'POST').map(({ path }) => path)).toEqual([
      '/api/v1/webhooks/hook_1/ping',
      '/api/v1/webhooks/hook_1/deliveries/msg_1/replay',
    ]),
  );
});
