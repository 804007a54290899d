import { act, fireEvent, screen, waitFor, within } from '@testing-library/react';
import { beforeEach, expect, test, vi } from 'vitest';
import { caller, viewer } from '../testing/facts';
import { show } from '../testing/render';
import { Refusal, serve } from '../testing/server';
import { leaveFor } from './leave';
import { Shell } from './shell';
import { setTheme } from './theme';

const ORGANIZATION = {
  'GET /api/v1/organization': {
    id: 'org_1',
    name: 'Films <b>',
    slug: null,
    logo_digest: null,
    created_at: '2026-11-21T10:00:00Z',
  },
};
const membership = (id: string, name: string) => ({
  organization_id: id,
  name,
  slug: null,
  logo_digest: null,
  role: 'viewer',
  joined_at: '2026-11-21T10:00:00Z',
});

vi.mock('./leave', () => ({ leaveFor: vi.fn() }));

beforeEach(() => setTheme('system'));

const pagesOf = () => [...new Set(screen.getAllByRole('link').map((link) => link.textContent))];

test('pages that one may see are led to, and no others', async () => {
  serve({ ...ORGANIZATION, 'GET /api/v1/caller': caller() });
  await show(<Shell>here</Shell>);
  expect(await screen.findByText('Films <b>')).toBeDefined();
  expect(pagesOf()).toEqual(
    expect.arrayContaining(['Overview', 'Videos', 'Upload', 'Jobs', 'Nodes', 'Developers', 'Settings']),
  );
});

test('who may only look is led neither to uploads nor to keys', async () => {
  serve({
    ...ORGANIZATION,
    'GET /api/v1/caller': viewer(),
    'GET /api/v1/organizations': { items: [membership('org_1', 'Films')] },
  });
  await show(<Shell>here</Shell>);
  await screen.findAllByRole('link', { name: 'Videos' });
  expect(pagesOf()).not.toContain('Upload');
  expect(pagesOf()).not.toContain('Developers');
});

test('who is in several organizations chooses one, and is asked for in it from then on', async () => {
  const items = [membership('org_1', 'Films'), membership('org_2', 'News')];
  serve({ ...ORGANIZATION, 'GET /api/v1/caller': viewer(), 'GET /api/v1/organizations': { items } });
  const { user } = await show(<Shell>here</Shell>);
  await user.click(await screen.findByRole('button', { name: /^Organization:/ }));
  await user.click(await screen.findByRole('menuitemradio', { name: 'News' }));
  expect(localStorage.getItem('vidcompute-organization')).toBe('org_2');
});

test('who lacks what the organization demands is led to where it is set up', async () => {
  serve({ 'GET /api/v1/caller': { ...viewer(), scopes: [] }, 'GET /api/v1/organizations': { items: [] } });
  const { user, router } = await show(<Shell>here</Shell>);
  await user.click(await screen.findByRole('link', { name: 'Set up an app' }));
  await waitFor(() => expect(router.state.location.pathname).toBe('/settings'));
  expect(router.state.location.search).toEqual({ tab: 'account' });
  expect(screen.queryByText('here')).toBeNull();
});

test('what the page did is shown as code, by a key or a button', async () => {
  serve({ ...ORGANIZATION, 'GET /api/v1/caller': caller() });
  const { user } = await show(<Shell>here</Shell>);
  await screen.findByText('Films <b>');
  await user.keyboard('c');
  const dialog = within(await screen.findByRole('dialog', { name: 'As code' }));
  expect(dialog.getByRole('option', { name: 'GET /api/v1/organization' })).toBeDefined();
  expect(dialog.getByRole('region').textContent).toContain('$VIDCOMPUTE_KEY');
  await user.click(dialog.getByRole('tab', { name: 'Python' }));
  expect(dialog.getByRole('region', { name: 'The request in Python' }).textContent).toContain(
    'client.get_organization()',
  );
  await user.keyboard('{Escape}');
  await user.click(screen.getByRole('button', { name: 'Code of what this page did' }));
  expect(await screen.findByRole('dialog', { name: 'As code' })).toBeDefined();
});

test('logos tell organizations apart', async () => {
  const items = [
    { ...membership('org_1', 'Films'), logo_digest: null },
    { ...membership('org_2', 'News'), logo_digest: 'abc' },
  ];
  const asked = serve({
    ...ORGANIZATION,
    'GET /api/v1/caller': viewer(),
    'GET /api/v1/organizations': { items },
    'GET /api/v1/organization/logo': () => new Response(new Blob(['picture'], { type: 'image/png' })),
  });
  const { user } = await show(<Shell>here</Shell>);
  await user.click(await screen.findByRole('button', { name: /^Organization:/ }));
  const news = await screen.findByRole('menuitemradio', { name: 'News' });
  await waitFor(() => expect(news.querySelector('img')?.src).toMatch(/^data:image/));
  const logos = asked.filter(({ path }) => path.endsWith('/logo'));
  expect(logos.map(({ headers }) => headers.get('X-Organization'))).toEqual(['org_2']);
});

test('who is in an organization makes another, and works there', async () => {
  let taken = true;
  const asked = serve({
    ...ORGANIZATION,
    'GET /api/v1/caller': viewer(),
    'GET /api/v1/organizations': { items: [membership('org_1', 'Films')] },
    'POST /api/v1/organizations': () => {
      const answer = taken ? new Refusal(409, 'too_many', 'You have made enough.') : { id: 'org_4', name: 'More' };
      taken = false;
      return answer;
    },
  });
  const { user } = await show(<Shell>here</Shell>);
  await user.click(await screen.findByRole('button', { name: 'Organization: Films <b>' }));
  await user.click(await screen.findByRole('menuitem', { name: 'Make another organization' }));
  await user.type(await screen.findByLabelText('Name of the organization'), ' More ');
  await user.click(screen.getByRole('button', { name: 'Make it' }));
  expect((await screen.findByRole('alert')).textContent).toBe('You have made enough.');
  await user.click(screen.getByRole('button', { name: 'Make it' }));
  await waitFor(() => expect(localStorage.getItem('vidcompute-organization')).toBe('org_4'));
  expect(asked.filter(({ method }) => method === 'POST').map(({ body }) => body)).toEqual([
    { name: 'More' },
    { name: 'More' },
  ]);
});

test('who is in none may make one', async () => {
  const nobody = { ...viewer(), organization_id: null, scopes: [] };
  const asked = serve({
    'GET /api/v1/caller': nobody,
    'GET /api/v1/organizations': { items: [] },
    'POST /api/v1/organizations': { id: 'org_3', name: 'Mine', slug: null, created_at: '2026-11-21T10:00:00Z' },
  });
  const { user } = await show(<Shell>here</Shell>);
  await user.type(await screen.findByLabelText('Name of the organization'), 'Mine');
  await user.click(screen.getByRole('button', { name: 'Make it' }));
  await waitFor(() => expect(localStorage.getItem('vidcompute-organization')).toBe('org_3'));
  expect(asked.find(({ method }) => method === 'POST')?.body).toEqual({ name: 'Mine' });
  expect(screen.queryByText('here')).toBeNull();
});

test('a theme is chosen, and the keys are listed', async () => {
  serve({ ...ORGANIZATION, 'GET /api/v1/caller': caller() });
  const { user } = await show(<Shell>here</Shell>);
  await user.click(await screen.findByRole('button', { name: 'You and this page' }));
  await user.click(await screen.findByRole('menuitemradio', { name: 'Light' }));
  expect(document.documentElement.dataset.theme).toBe('light');
  await user.keyboard('?');
  expect((await screen.findByRole('dialog', { name: 'Keys' })).textContent).toContain('Go to Videos');
});

test('what can be done from everywhere is found by its name, and done', async () => {
  serve({ ...ORGANIZATION, 'GET /api/v1/caller': caller(), 'GET /api/v1/assets': { items: [], next_cursor: null } });
  const { user } = await show(<Shell>here</Shell>);
  await screen.findAllByRole('link', { name: 'Videos' });
  await act(async () => fireEvent.keyDown(document.body, { key: 'k', ctrlKey: true }));
  await user.type(await screen.findByPlaceholderText('Find a video or a page …'), 'show the k');
  await waitFor(() =>
    expect(screen.getAllByRole('option').map(({ textContent }) => textContent)).toEqual(['Show the keys?']),
  );
  await user.keyboard('{Enter}');
  expect(await screen.findByRole('dialog', { name: 'Keys' })).toBeDefined();
});

test('the side bar is folded, and stays so', async () => {
  serve({ ...ORGANIZATION, 'GET /api/v1/caller': caller() });
  const { user } = await show(<Shell>here</Shell>);
  await user.click(await screen.findByRole('button', { name: 'Fold the side bar' }));
  expect(await screen.findByRole('button', { name: 'Unfold the side bar' })).toBeDefined();
  expect(localStorage.getItem('vidcompute-side-bar')).toBe('narrow');
});

test('nothing is opened over a dialog', async () => {
  serve({ ...ORGANIZATION, 'GET /api/v1/caller': caller(), 'GET /api/v1/assets': { items: [], next_cursor: null } });
  const { user } = await show(<Shell>here</Shell>);
  await screen.findByText('Films <b>');
  await user.keyboard('?');
  const dialog = await screen.findByRole('dialog', { name: 'Keys' });
  await act(async () => fireEvent.keyDown(dialog, { key: 'k', ctrlKey: true }));
  expect(screen.queryByPlaceholderText('Find a video or a page …')).toBeNull();
  expect(screen.getByLabelText('Letters and signs do something by themselves')).toHaveProperty('checked', true);
});

test('who can’t be logged out now is told so, and stays', async () => {
  serve({ ...ORGANIZATION, 'GET /api/v1/caller': caller() });
  const { user } = await show(<Shell>here</Shell>);
  await user.click(await screen.findByRole('button', { name: 'You and this page' }));
  const out = await screen.findByRole('menuitem', { name: 'Log out' });
  vi.stubGlobal('fetch', () => Promise.reject(new TypeError('no way there')));
  await user.click(out);
  expect(await screen.findByText('The server can’t be reached. Try again.')).toBeDefined();
  expect(leaveFor).not.toHaveBeenCalledWith('/dashboard/enter');
});

test('an organization is made once, however often one presses', async () => {
  const nobody = { ...viewer(), organization_id: null, scopes: [] };
  const asked = serve({
    'GET /api/v1/caller': nobody,
    'GET /api/v1/organizations': { items: [] },
    'POST /api/v1/organizations': () => new Promise(() => undefined),
  });
  const { user } = await show(<Shell>here</Shell>);
  await user.type(await screen.findByLabelText('Name of the organization'), 'Mine{Enter}{Enter}');
  expect(asked.filter(({ method }) => method === 'POST')).toHaveLength(1);
});
