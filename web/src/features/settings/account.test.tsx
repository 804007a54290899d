import { screen, waitFor, within } from '@testing-library/react';
import { expect, test, vi } from 'vitest';
import { leaveFor } from '../../app/leave';
import { caller } from '../../testing/facts';
import { show } from '../../testing/render';
import { type Asked, Refusal, serve } from '../../testing/server';
import { Settings } from './settings';

vi.mock('../../app/leave', () => ({ leaveFor: vi.fn() }));

const AT = '2026-11-21T10:00:00Z';
const PASSKEY = { id: 'pk_1', name: '<b>Phone</b>', created_at: AT, used_at: null };
const OFF = { on: false, since: null, recovery_codes: 0 };

const account = (changes: Record<string, unknown> = {}) => ({
  'GET /api/v1/caller': caller({ key_id: null, person_id: 'ann', role: 'admin' }),
  'GET /api/v1/me': { id: 'ann', name: 'Ann', email: 'ann@example.com', created_at: AT, organizations: [] },
  'GET /api/v1/me/second-factor': OFF,
  'GET /api/v1/me/passkeys': { items: [PASSKEY] },
  'GET /api/v1/me/sessions': { items: [] },
  'GET /api/v1/me/mails': {
    items: [
      { kind: 'job_failed', summary: 'It failed.', choice: 'own', choices: ['off', 'own', 'all'] },
      { kind: 'account_changed', summary: 'Your account changed.', choice: 'all', choices: [] },
    ],
  },
  'GET /api/v1/ways-in': { registration: 'closed', shortest_password: 10, provider: null, passkeys: true },
  ...changes,
});
const open = () => show(<Settings tab="account" onTab={() => undefined} />);
const sent = (asked: Asked[]) =>
  asked.filter(({ method }) => method !== 'GET').map(({ method, path, body }) => [method, path, body]);

test('an app is set up by password and code, and the recovery codes are shown this once', async () => {
  let found = OFF;
  const asked = serve(
    account({
      'GET /api/v1/me/second-factor': () => found,
      'POST /api/v1/me/second-factor': { secret: 'ABCDEF', uri: 'otpauth://x', qr_svg: '<svg xmlns="x"></svg>' },
      'POST /api/v1/me/second-factor/confirm': () => {
        found = { on: true, since: AT as never, recovery_codes: 2 };
        return { recovery_codes: ['one-two', 'three-four'] };
      },
    }),
  );
  const { user } = await open();
  await user.click(await screen.findByRole('button', { name: 'Set up an app' }));
  await user.type(await screen.findByLabelText('Password'), 'correct horse');
  await user.click(screen.getByRole('button', { name: 'Go on' }));
  const picture = await screen.findByRole('img', { name: 'The key as a QR code' });
  expect(picture.getAttribute('src')).toMatch(/^data:image\/svg\+xml,%3Csvg/);
  expect(screen.getByText('ABCDEF')).toBeDefined();
  await user.type(screen.getByLabelText('A code of your app'), ' 123456 ');
  await user.click(screen.getByRole('button', { name: 'Switch it on' }));
  expect((await screen.findByRole('region', { name: 'Recovery codes' })).textContent).toBe('one-two\nthree-four');
  await user.click(screen.getByRole('button', { name: 'I have them' }));
  expect(await screen.findByRole('button', { name: 'Switch it off' })).toBeDefined();
  expect(sent(asked).map(([, , body]) => body)).toEqual([{ current_password: 'correct horse' }, { code: '123456' }]);
});

test('a second factor is switched off by password and code', async () => {
  const asked = serve(
    account({
      'GET /api/v1/me/second-factor': { on: true, since: AT, recovery_codes: 9 },
      'POST /api/v1/me/second-factor/off': null,
    }),
  );
  const { user } = await open();
  expect(await screen.findByText(/9 recovery codes are left/)).toBeDefined();
  await user.click(screen.getByRole('button', { name: 'Switch it off' }));
  const dialog = within(await screen.findByRole('dialog'));
  await user.type(dialog.getByLabelText('Password'), 'correct horse');
  await user.type(dialog.getByLabelText('A code of your app'), '123456');
  await user.click(dialog.getByRole('button', { name: 'Switch it off' }));
  expect(await screen.findByText('Your password alone opens your account now.')).toBeDefined();
  expect(sent(asked)).toEqual([
    ['POST', '/api/v1/me/second-factor/off', { current_password: 'correct horse', code: '123456' }],
  ]);
});

test('a passkey is renamed, and removed only when one means it', async () => {
  const asked = serve(account({ 'PATCH /api/v1/me/passkeys/pk_1': PASSKEY, 'DELETE /api/v1/me/passkeys/pk_1': null }));
  const { user } = await open();
  await user.click(await screen.findByRole('button', { name: 'Rename <b>Phone</b>' }));
  const name = await screen.findByLabelText('What to call it');
  await user.clear(name);
  await user.type(name, 'Laptop');
  await user.click(screen.getByRole('button', { name: 'Rename it' }));
  await waitFor(() => expect(sent(asked)).toEqual([['PATCH', '/api/v1/me/passkeys/pk_1', { name: 'Laptop' }]]));
  await user.click(await screen.findByRole('button', { name: 'Remove <b>Phone</b>' }));
  expect(sent(asked)).toHaveLength(1);
  await user.click(await screen.findByRole('button', { name: 'Remove it' }));
  await waitFor(() => expect(sent(asked)).toHaveLength(2));
});

test('name, address and password are changed, and what is wrong is told in place', async () => {
  const asked = serve(
    account({
      'PATCH /api/v1/me': {},
      'POST /api/v1/me/email': null,
      'POST /api/v1/me/password': new Refusal(401, 'login_failed', 'This is not your password.'),
    }),
  );
  const { user } = await open();
  await user.click(await screen.findByRole('button', { name: 'Change: Name' }));
  await user.type(await screen.findByLabelText('Your name'), 'a');
  await user.click(screen.getByRole('button', { name: 'Save' }));
  await user.click(await screen.findByRole('button', { name: 'Change: E-mail address' }));
  await user.type(await screen.findByLabelText('The new address'), 'ann@example.org');
  await user.type(screen.getByLabelText('Your present password'), 'correct horse');
  await user.click(screen.getByRole('button', { name: 'Send the link' }));
  expect(await screen.findByText('Look into the new mailbox, and follow the link there.')).toBeDefined();
  await user.click(screen.getByRole('button', { name: 'Change: Password' }));
  await user.type(await screen.findByLabelText('Your present password'), 'nonsense');
  await user.type(screen.getByLabelText('A new password'), 'staple of the day');
  await user.click(screen.getByRole('button', { name: 'Change the password' }));
  expect((await screen.findByRole('alert')).textContent).toBe('This is not your password.');
  expect(sent(asked)).toEqual([
    ['PATCH', '/api/v1/me', { name: 'Anna' }],
    ['POST', '/api/v1/me/email', { email: 'ann@example.org', current_password: 'correct horse' }],
    ['POST', '/api/v1/me/password', { current_password: 'nonsense', password: 'staple of the day' }],
  ]);
});

test('mails that safety needs are no choice, and all that is kept can be taken along', async () => {
  serve(account());
  await open();
  expect(await screen.findByLabelText('It failed.')).toBeDefined();
  expect(screen.queryByLabelText('Your account changed.')).toBeNull();
  expect(screen.getByRole('link', { name: 'Download all of it' }).getAttribute('href')).toBe('/api/v1/me/export');
});

test('an account is erased by who types its address and password once more', async () => {
  const asked = serve(account({ 'POST /api/v1/me/erase': null }));
  const { user } = await open();
  await user.click(await screen.findByRole('button', { name: 'Erase my account' }));
  await user.type(await screen.findByLabelText('Your e-mail address, once more'), 'ann@example.com');
  await user.type(screen.getByLabelText('Your password, if you have one'), 'correct horse');
  await user.click(screen.getByRole('button', { name: 'Erase it for good' }));
  await waitFor(() => expect(leaveFor).toHaveBeenCalledWith('/dashboard/enter'));
  expect(sent(asked)).toEqual([
    ['POST', '/api/v1/me/erase', { email: 'ann@example.com', current_password: 'correct horse' }],
  ]);
});

test('who may do nothing in the organization yet is shown their account', async () => {
  serve(account({ 'GET /api/v1/caller': caller({ key_id: null, person_id: 'ann', role: 'viewer', scopes: [] }) }));
  await show(<Settings tab="organization" onTab={() => undefined} />);
  expect(await screen.findByRole('button', { name: 'Set up an app' })).toBeDefined();
  expect(screen.getAllByRole('tab').map((tab) => tab.textContent)).toEqual(['You']);
});
