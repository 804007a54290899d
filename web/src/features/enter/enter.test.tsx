import { screen, waitFor } from '@testing-library/react';
import { afterEach, expect, test } from 'vitest';
import { caller } from '../../testing/facts';
import { show } from '../../testing/render';
import { Refusal, serve } from '../../testing/server';
import { Enter } from './enter';
import { takeSecret } from './secret';
import { browserName } from './ways';

const KEY = `vck_${'a'.repeat(43)}`;
const WAYS = {
  'GET /api/v1/ways-in': { registration: 'closed', shortest_password: 10, provider: 'Example', passkeys: false },
};

afterEach(() => window.history.replaceState(null, '', '/'));

test('the key of a link leaves the address before anything is asked', () => {
  window.history.replaceState(null, '', `/dashboard/enter#${KEY}`);
  expect(takeSecret(window.location, window.history)).toBe(KEY);
  expect(window.location.href).not.toContain('vck_');
  expect(takeSecret(window.location, window.history)).toBe('');
  window.history.replaceState(null, '', '/dashboard/enter#section');
  expect(takeSecret(window.location, window.history)).toBe('');
  expect(window.location.hash).toBe('#section');
});

test('a link is traded once for a key of the browser’s own', async () => {
  window.history.replaceState(null, '', `/dashboard/enter#${KEY}`);
  const asked = serve({ 'POST /api/v1/browser-key': { key_id: 'key_2', expires_at: '2026-12-21T10:00:00Z' } });
  const { router } = await show(<Enter next="/videos" />);
  await waitFor(() => expect(router.state.location.pathname).toBe('/dashboard/videos'));
  expect(asked).toHaveLength(1);
  expect(asked[0]?.headers.get('Authorization')).toBe(`Bearer ${KEY}`);
  expect(asked[0]?.body).toMatchObject({ once: true });
});

test('a link that is opened while one is asked for a password lets in as well', async () => {
  serve({ ...WAYS, 'POST /api/v1/browser-key': { key_id: 'key_2', expires_at: '2026-12-21T10:00:00Z' } });
  const { router } = await show(<Enter next="/" />);
  await screen.findByLabelText('Password');
  window.history.replaceState(null, '', `#${KEY}`);
  window.dispatchEvent(new HashChangeEvent('hashchange'));
  await waitFor(() => expect(router.state.location.pathname).toBe('/dashboard/'));
});

test('a link that was used says so, and how to get another one', async () => {
  window.history.replaceState(null, '', `/dashboard/enter#${KEY}`);
  serve({ 'POST /api/v1/browser-key': new Refusal(401, 'invalid_api_key', 'Not known.') });
  await show(<Enter next="/" />);
  expect((await screen.findByRole('alert')).textContent).toContain('vidctl dashboard');
  expect(screen.getByLabelText('API key')).toBeDefined();
});

test('one logs in by password, and by a code where that is asked for', async () => {
  const wanted = new Refusal(401, 'second_factor_wanted', 'A code is wanted.', { ticket: 'ticket_1' });
  const asked = serve({
    ...WAYS,
    'POST /api/v1/login': wanted,
    'POST /api/v1/login/second-factor': { session_id: 'ses_1' },
  });
  const { user, router } = await show(<Enter next="/jobs?tab=dead" />);
  await user.type(await screen.findByLabelText('E-mail address'), 'ann@example.com');
  await user.type(screen.getByLabelText('Password'), 'correct horse');
  await user.click(screen.getByRole('button', { name: 'Log in' }));
  await user.type(await screen.findByLabelText('Code'), '123456');
  await user.click(screen.getByRole('button', { name: 'Go on' }));
  await waitFor(() => expect(router.state.location.href).toBe('/dashboard/jobs?tab=dead'));
  const bodies = asked.filter(({ method }) => method === 'POST').map(({ body }) => body);
  expect(bodies).toEqual([
    { email: 'ann@example.com', password: 'correct horse', kind: 'browser' },
    { ticket: 'ticket_1', code: '123456', kind: 'browser' },
  ]);
});

test('a wrong password is told in the server’s words, and nobody is sent elsewhere', async () => {
  serve({ ...WAYS, 'POST /api/v1/login': new Refusal(401, 'login_failed', 'The address or the password is wrong.') });
  const { user, router } = await show(<Enter next="//evil.example" />);
  await user.type(await screen.findByLabelText('E-mail address'), 'ann@example.com');
  await user.type(screen.getByLabelText('Password'), 'nonsense');
  await user.click(screen.getByRole('button', { name: 'Log in' }));
  expect((await screen.findByRole('alert')).textContent).toBe('The address or the password is wrong.');
  expect(router.state.location.pathname).toBe('/');
  expect(screen.getByRole('link', { name: 'Log in with Example' }).getAttribute('href')).toBe('/oauth/login');
});

test('who is logged in already goes on to where they wanted to go before they left for a provider', async () => {
  serve({ ...WAYS, 'GET /api/v1/caller': caller() });
  sessionStorage.setItem('vidcompute-next', '/videos');
  const { router } = await show(<Enter />);
  await waitFor(() => expect(router.state.location.pathname).toBe('/dashboard/videos'));
  expect(sessionStorage.getItem('vidcompute-next')).toBeNull();
});

test('a provider’s refusal is told in words of ours, and a ticket that it brought asks for the code', async () => {
  const asked = serve({ ...WAYS, 'POST /api/v1/login/second-factor': { session_id: 'ses_1' } });
  const first = await show(<Enter problem="account_wanted" />);
  expect((await screen.findByRole('alert')).textContent).toContain('ask for an invitation');
  first.unmount();
  window.history.replaceState(null, '', `/dashboard/enter#${'t'.repeat(43)}`);
  const { user } = await show(<Enter />);
  await user.type(await screen.findByLabelText('Code'), '123456');
  await user.click(screen.getByRole('button', { name: 'Go on' }));
  await waitFor(() =>
    expect(asked.find(({ method }) => method === 'POST')?.body).toMatchObject({ ticket: 't'.repeat(43) }),
  );
});

test('after logging in one goes on below the dashboard, and nowhere else', async () => {
  serve({ ...WAYS, 'POST /api/v1/login': { session_id: 'ses_1' } });
  const { user, router } = await show(<Enter next="//evil.example" />);
  await user.type(await screen.findByLabelText('E-mail address'), 'ann@example.com');
  await user.type(screen.getByLabelText('Password'), 'correct horse');
  await user.click(screen.getByRole('button', { name: 'Log in' }));
  await waitFor(() => expect(router.state.location.pathname).toBe('/dashboard/'));
});

test('the key is called by what the browser says of itself', () => {
  const agents = {
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15':
      'Safari on macOS',
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36':
      'Chrome on Windows',
    'curl/8': 'Browser',
  };
  expect(Object.keys(agents).map((agent) => browserName(agent))).toEqual(Object.values(agents));
});
