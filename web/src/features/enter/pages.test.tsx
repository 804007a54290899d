import { screen, waitFor } from '@testing-library/react';
import type { ReactNode } from 'react';
import { afterEach, expect, test } from 'vitest';
import { show } from '../../testing/render';
import { type Asked, Refusal, serve } from '../../testing/server';
import { Forgot, NewEmail, Reset, Verify } from './by-mail';
import { Device } from './device';
import { Invitation } from './invitation';
import { Register } from './register';

const ways = (registration: string) => ({
  'GET /api/v1/ways-in': { registration, shortest_password: 10, provider: null, passkeys: false },
});
const TOKEN = 'token-of-a-link-in-a-mail';
const sent = (asked: Asked[]) => asked.filter(({ method }) => method === 'POST').map(({ path, body }) => [path, body]);

function open(page: ReactNode, secret = '') {
  window.history.replaceState(null, '', secret ? `/dashboard/page#${secret}` : '/dashboard/page');
  return show(page);
}

afterEach(() => {
  window.history.replaceState(null, '', '/');
  sessionStorage.clear();
});

test('one registers where everybody may, and is sent to the mailbox', async () => {
  const asked = serve({ ...ways('open'), 'POST /api/v1/register': { verified: false } });
  const { user } = await open(<Register />);
  await user.type(await screen.findByLabelText('Your name'), 'Ann');
  await user.type(screen.getByLabelText('E-mail address'), 'ann@example.com');
  await user.type(screen.getByLabelText('A new password'), 'correct horse');
  expect(screen.getByText('10 characters or more.')).toBeDefined();
  await user.click(screen.getByRole('button', { name: 'Register' }));
  expect((await screen.findByRole('status')).textContent).toContain('Look into your mailbox');
  const wish = { name: 'Ann', email: 'ann@example.com', password: 'correct horse', invitation: null };
  expect(sent(asked)).toEqual([['/api/v1/register', wish]]);
});

test('where one can’t register, that is said', async () => {
  serve(ways('invitation'));
  await open(<Register />);
  expect(await screen.findByText('One comes in here by invitation only.')).toBeDefined();
  expect(screen.queryByRole('button', { name: 'Register' })).toBeNull();
});

test('a forgotten password is asked for, and another set by the link', async () => {
  const asked = serve({ 'POST /api/v1/forgot-password': null, 'POST /api/v1/reset-password': null });
  const first = await open(<Forgot />);
  await first.user.type(await screen.findByLabelText('E-mail address'), 'ann@example.com');
  await first.user.click(screen.getByRole('button', { name: 'Send it' }));
  expect((await screen.findByRole('status')).textContent).toContain('If there is an account');
  first.unmount();
  const { user } = await open(<Reset />, TOKEN);
  expect(window.location.href).not.toContain(TOKEN);
  await user.type(await screen.findByLabelText('A new password'), 'staple of the day');
  await user.click(screen.getByRole('button', { name: 'Set it' }));
  expect((await screen.findByRole('status')).textContent).toContain('log in with the new password');
  expect(sent(asked).at(-1)).toEqual(['/api/v1/reset-password', { token: TOKEN, password: 'staple of the day' }]);
});

test('a link that is good no more is told in the server’s words, one that is not whole in ours', async () => {
  serve({ 'POST /api/v1/reset-password': new Refusal(400, 'link_invalid', 'This link was used already.') });
  const first = await open(<Reset />, TOKEN);
  await first.user.type(await screen.findByLabelText('A new password'), 'staple of the day');
  await first.user.click(screen.getByRole('button', { name: 'Set it' }));
  expect((await screen.findByRole('alert')).textContent).toBe('This link was used already.');
  first.unmount();
  await open(<Reset />);
  expect(await screen.findByText(/This link is not whole/)).toBeDefined();
});

test('a mailbox is proved by its link and the password, or the link is sent again', async () => {
  const asked = serve({ 'POST /api/v1/verify-email': null, 'POST /api/v1/verify-email/again': null });
  const first = await open(<Verify />, TOKEN);
  await first.user.type(await screen.findByLabelText('Password'), 'correct horse');
  await first.user.click(screen.getByRole('button', { name: 'Confirm' }));
  expect((await screen.findByRole('status')).textContent).toBe('Done: you can log in now.');
  first.unmount();
  const { user } = await open(<Verify />);
  await user.type(await screen.findByLabelText('E-mail address'), 'ann@example.com');
  await user.click(screen.getByRole('button', { name: 'Send it' }));
  await screen.findByRole('status');
  expect(sent(asked)).toEqual([
    ['/api/v1/verify-email', { token: TOKEN, password: 'correct horse' }],
    ['/api/v1/verify-email/again', { email: 'ann@example.com' }],
  ]);
});

test('a new address is taken by whoever logs in with the present one', async () => {
  const asked = serve({ ...ways('closed'), 'POST /api/v1/login': {}, 'POST /api/v1/me/email/confirm': {} });
  const { user } = await open(<NewEmail />, TOKEN);
  await user.type(await screen.findByLabelText('E-mail address'), 'ann@example.com');
  await user.type(screen.getByLabelText('Password'), 'correct horse');
  await user.click(screen.getByRole('button', { name: 'Change it' }));
  expect((await screen.findByRole('status')).textContent).toContain('this is your address now');
  expect(sent(asked).at(-1)).toEqual(['/api/v1/me/email/confirm', { token: TOKEN }]);
});

const invited = (registered: boolean) => ({
  'POST /api/v1/invitations/view': {
    organization: '<b>Films</b>',
    email: 'ann@example.com',
    role: 'editor',
    expires_at: '2026-11-28T10:00:00Z',
    registered,
  },
});

test('who is invited makes an account, and is in', async () => {
  const asked = serve({ ...invited(false), 'POST /api/v1/register': { verified: true }, 'POST /api/v1/login': {} });
  const { user, router } = await open(<Invitation />, TOKEN);
  expect(await screen.findByText('<b>Films</b>')).toBeDefined();
  await user.type(screen.getByLabelText('Your name'), 'Ann');
  await user.type(screen.getByLabelText('A new password'), 'correct horse');
  await user.click(screen.getByRole('button', { name: 'Join' }));
  await waitFor(() => expect(router.state.location.pathname).toBe('/dashboard/'));
  const wish = { email: 'ann@example.com', name: 'Ann', password: 'correct horse', invitation: TOKEN };
  expect(sent(asked)[1]).toEqual(['/api/v1/register', wish]);
});

test('who is invited and has an account logs in, joins, and works there', async () => {
  const asked = serve({
    ...invited(true),
    ...ways('closed'),
    'POST /api/v1/login': {},
    'POST /api/v1/invitations/accept': { organization_id: 'org_9' },
  });
  const { user, router } = await open(<Invitation />, TOKEN);
  await user.type(await screen.findByLabelText('Password'), 'correct horse');
  expect(screen.queryByLabelText('E-mail address')).toBeNull();
  await user.click(screen.getByRole('button', { name: 'Join' }));
  await waitFor(() => expect(router.state.location.pathname).toBe('/dashboard/'));
  expect(sent(asked).at(-1)).toEqual(['/api/v1/invitations/accept', { token: TOKEN }]);
  expect(localStorage.getItem('vidcompute-organization')).toBe('org_9');
});

test('an invitation that is good no more says so', async () => {
  serve({ 'POST /api/v1/invitations/view': new Refusal(404, 'invitation_not_found', 'It has ended.') });
  await open(<Invitation />, TOKEN);
  expect((await screen.findByRole('alert')).textContent).toBe('It has ended.');
});

const home = (id: string, name: string) => ({ organization_id: id, name, role: 'owner' });
const ME = { email: 'ann@example.com', organizations: [home('org_1', 'Films'), home('org_2', 'News')] };
const ASKS = { agent: 'vidctl on laptop', address: '192.0.2.1', asked_at: new Date().toISOString(), expires_at: '' };

test('a program is let in to work where one says, once it was said who asks', async () => {
  const asked = serve({
    'GET /api/v1/me': ME,
    'POST /api/v1/devices/view': ASKS,
    'POST /api/v1/devices/answer': null,
  });
  const { user } = await open(<Device />, 'BCDF-GHJK');
  expect(await screen.findByText('vidctl on laptop')).toBeDefined();
  await user.selectOptions(screen.getByLabelText('It begins to work in'), 'org_2');
  await user.click(screen.getByRole('button', { name: 'Allow' }));
  expect((await screen.findByRole('status')).textContent).toBe('Done: go back to the program.');
  const body = { code: 'BCDF-GHJK', allow: true, organization_id: 'org_2' };
  expect(sent(asked).at(-1)).toEqual(['/api/v1/devices/answer', body]);
});

test('a code that is none can be typed again, and nobody is let in where one refuses', async () => {
  const asked = serve({
    'GET /api/v1/me': ME,
    'POST /api/v1/devices/view': ({ body }: Asked) =>
      (body as { code: string }).code === 'GOOD' ? ASKS : new Refusal(404, 'no', 'No program waits with this code.'),
    'POST /api/v1/devices/answer': null,
  });
  const { user } = await open(<Device />, 'BAD');
  expect((await screen.findByRole('alert')).textContent).toBe('No program waits with this code.');
  window.history.replaceState(null, '', '/dashboard/page');
  await user.type(screen.getByLabelText('The code that the program shows'), 'GOOD');
  await user.click(screen.getByRole('button', { name: 'Go on' }));
  await user.click(await screen.findByRole('button', { name: 'Refuse' }));
  expect((await screen.findByRole('status')).textContent).toBe('Refused: nothing was let in.');
  expect(sent(asked).at(-1)).toEqual(['/api/v1/devices/answer', { code: 'GOOD', allow: false, organization_id: null }]);
});

test('who is not logged in does that first, and the code is kept meanwhile', async () => {
  serve({ 'GET /api/v1/me': new Refusal(401, 'api_key_missing', 'Log in.') });
  const { router } = await open(<Device />, 'BCDF-GHJK');
  await waitFor(() => expect(router.state.location.pathname).toBe('/enter'));
  expect(router.state.location.search).toEqual({ next: '/device' });
  expect(sessionStorage.getItem('vidcompute-device')).toBe('BCDF-GHJK');
});
