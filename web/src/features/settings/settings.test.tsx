import { screen, waitFor, within } from '@testing-library/react';
import { expect, test } from 'vitest';
import { caller, viewer } from '../../testing/facts';
import { show } from '../../testing/render';
import { type Asked, serve } from '../../testing/server';
import { givable } from './members';
import { amount } from './quotas';
import { days, seconds } from './retention';
import { Settings } from './settings';

const AT = '2026-11-21T10:00:00Z';
const member = (id: string, role: string) => ({
  person_id: id,
  email: `${id}@example.com`,
  name: id,
  role,
  joined_at: AT,
});
const page = (...items: unknown[]) => ({ items, next_cursor: null });
const sent = (asked: Asked[], method: string) => asked.filter((one) => one.method === method);
const nothing = () => undefined;

test('nobody gives a role that may do more than their own', () => {
  expect(givable('admin')).toEqual(['viewer', 'editor', 'admin']);
  expect(givable('viewer')).toEqual(['viewer']);
  expect(givable(null)).toEqual(['viewer', 'editor', 'admin']);
});

test('times are said in days, amounts in their unit', () => {
  expect([days(null), days(86_400), days(43_200)]).toEqual(['', '1', '0.5']);
  expect([seconds(''), seconds('1.5')]).toEqual([null, 129_600]);
  expect([amount('stored_bytes', 1_500_000_000), amount('encode_minutes', 12.34)]).toEqual(['1.5 GB', '12.3']);
});

test('members get another role, and leave only when one means it', async () => {
  const asked = serve({
    'GET /api/v1/caller': caller({ key_id: null, person_id: 'ann', role: 'admin' }),
    'GET /api/v1/members': page(member('ann', 'admin'), member('bob', 'viewer'), member('owner', 'owner')),
    'GET /api/v1/invitations': page(),
    'PATCH /api/v1/members/bob': member('bob', 'editor'),
    'DELETE /api/v1/members/bob': null,
  });
  const { user } = await show(<Settings tab="members" onTab={nothing} />);
  await user.selectOptions(await screen.findByLabelText('Role of bob@example.com'), 'editor');
  await waitFor(() => expect(sent(asked, 'PATCH')[0]?.body).toEqual({ role: 'editor' }));
  expect(screen.queryByLabelText('Role of owner@example.com')).toBeNull();
  expect(screen.queryByLabelText('Role of ann@example.com')).toBeNull();
  await user.click(screen.getByRole('button', { name: 'Remove bob@example.com' }));
  expect(sent(asked, 'DELETE')).toEqual([]);
  await user.click(await screen.findByRole('button', { name: 'Remove' }));
  await waitFor(() => expect(sent(asked, 'DELETE')).toHaveLength(1));
});

test('an owner hands the organization over when they mean it, and is an admin then', async () => {
  let owner = 'ann';
  const role = (id: string) => (id === owner ? 'owner' : 'admin');
  const asked = serve({
    'GET /api/v1/caller': () => {
      const { scopes, ...ann } = caller({ key_id: null, person_id: 'ann', role: role('ann') as 'owner' | 'admin' });
      return { ...ann, scopes: owner === 'ann' ? [...scopes, 'ownership:write'] : scopes };
    },
    'GET /api/v1/members': () => page(...['ann', 'bob', 'cy'].map((id) => member(id, role(id)))),
    'GET /api/v1/invitations': page(),
    'POST /api/v1/organization/transfer': ({ body }: Asked) => {
      owner = (body as { person_id: string }).person_id;
      return member(owner, 'owner');
    },
  });
  const { user } = await show(<Settings tab="members" onTab={nothing} />);
  await user.selectOptions(await screen.findByLabelText('Hand the organization over to'), 'cy@example.com');
  await user.click(screen.getByRole('button', { name: 'Hand it over' }));
  expect(sent(asked, 'POST')).toEqual([]);
  const dialog = within(await screen.findByRole('alertdialog', { name: 'Hand the organization over?' }));
  expect(dialog.getByText(/You are an admin from then on/)).toBeDefined();
  await user.click(dialog.getByRole('button', { name: 'Make cy@example.com the owner' }));
  expect(await screen.findByText('cy@example.com is the owner now, and you are an admin.')).toBeDefined();
  expect(sent(asked, 'POST').map(({ body }) => body)).toEqual([{ person_id: 'cy' }]);
  await waitFor(() => expect(screen.queryByRole('button', { name: 'Hand it over' })).toBeNull());
});

test.each(['admin', 'owner'] as const)(
  'an %s who may not, or has nobody to give it to, is offered no handover',
  async (role) => {
    const scopes = [...caller().scopes, ...(role === 'owner' ? (['ownership:write'] as const) : [])];
    const others = role === 'owner' ? [] : [member('bob', 'viewer')];
    serve({
      'GET /api/v1/caller': caller({ key_id: null, person_id: 'ann', role, scopes }),
      'GET /api/v1/members': page(member('ann', role), ...others),
      'GET /api/v1/invitations': page(),
    });
    await show(<Settings tab="members" onTab={nothing} />);
    expect(await screen.findByText('ann@example.com')).toBeDefined();
    expect(screen.queryByRole('button', { name: 'Hand it over' })).toBeNull();
  },
);

test('somebody is invited, and the invitation taken back', async () => {
  const invitation = {
    id: 'inv_1',
    email: 'cy@example.com',
    role: 'viewer',
    invited_by: 'ann',
    created_at: AT,
    expires_at: AT,
  };
  const asked = serve({
    'GET /api/v1/caller': caller(),
    'GET /api/v1/members': page(),
    'GET /api/v1/invitations': page(invitation),
    'POST /api/v1/invitations': invitation,
    'DELETE /api/v1/invitations/inv_1': null,
  });
  const { user } = await show(<Settings tab="members" onTab={nothing} />);
  await user.type(await screen.findByLabelText('E-mail address'), 'dan@example.com');
  await user.selectOptions(screen.getByLabelText('Role'), 'editor');
  await user.click(screen.getByRole('button', { name: 'Invite' }));
  expect(await screen.findByText('dan@example.com is invited.')).toBeDefined();
  expect(sent(asked, 'POST')[0]?.body).toEqual({ email: 'dan@example.com', role: 'editor' });
  await user.click(screen.getByRole('button', { name: 'Take back the invitation of cy@example.com' }));
  await waitFor(() => expect(sent(asked, 'DELETE')).toHaveLength(1));
});

test('who may only look finds nothing to change, and no audit log', async () => {
  serve({
    'GET /api/v1/caller': viewer(),
    'GET /api/v1/members': page(member('bob', 'viewer')),
    'GET /api/v1/invitations': page(),
  });
  await show(<Settings tab="members" onTab={nothing} />);
  expect(await screen.findByText('bob@example.com')).toBeDefined();
  expect(within(screen.getByRole('tabpanel')).queryByRole('button')).toBeNull();
  expect(screen.queryByRole('tab', { name: 'Audit log' })).toBeNull();
});

test('limits are shown with what is used of them', async () => {
  const none = { own: false, reserved: 0, left: null, free_at: null };
  const items = [
    { name: 'stored_bytes', limit: 10_000_000_000, used: 9_000_000_000, ...none },
    { name: 'jobs', limit: null, used: 3, ...none },
    { name: 'upload_bytes', limit: 5_000_000_000, used: null, ...none },
  ];
  serve({ 'GET /api/v1/caller': caller(), 'GET /api/v1/quotas': { organization_id: 'org_1', items } });
  await show(<Settings tab="usage" onTab={nothing} />);
  expect(await screen.findByText('9.0 GB of 10 GB')).toBeDefined();
  expect(screen.getByRole('progressbar', { name: 'Storage' }).getAttribute('aria-valuenow')).toBe('90');
  expect(screen.getByText('3 · no limit')).toBeDefined();
  expect(screen.getByText('at most 5.0 GB')).toBeDefined();
});

test('one’s sessions end, and mails are chosen', async () => {
  const session = {
    ...{ id: 'ses_1', kind: 'browser', current: false, agent: 'Firefox/1 (Linux)', address: '192.0.2.1' },
    ...{ created_at: AT, seen_at: AT, expires_at: AT },
  };
  const asked = serve({
    'GET /api/v1/caller': caller({ key_id: null, person_id: 'ann', role: 'admin' }),
    'GET /api/v1/me/sessions': { items: [session, { ...session, id: 'ses_2', current: true }] },
    'GET /api/v1/me/mails': {
      items: [{ kind: 'job_finished', summary: 'A video is ready.', choice: 'off', choices: ['off', 'all'] }],
    },
    'DELETE /api/v1/me/sessions/ses_1': null,
    'PATCH /api/v1/me/mails': { items: [] },
  });
  const { user } = await show(<Settings tab="account" onTab={nothing} />);
  await user.click(await screen.findByRole('button', { name: 'Log out' }));
  await waitFor(() => expect(sent(asked, 'DELETE').map(({ path }) => path)).toEqual(['/api/v1/me/sessions/ses_1']));
  await user.selectOptions(await screen.findByLabelText('A video is ready.'), 'all');
  await waitFor(() => expect(sent(asked, 'PATCH')[0]?.body).toEqual({ choices: { job_finished: 'all' } }));
});
