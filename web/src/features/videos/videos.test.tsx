import { act, screen, waitFor, within } from '@testing-library/react';
import { useState } from 'react';
import { expect, test, vi } from 'vitest';
import { listenForShortcuts } from '../../app/shortcuts';
import { asset, caller, job, viewer } from '../../testing/facts';
import { show } from '../../testing/render';
import { type Asked, Refusal, serve } from '../../testing/server';
import type { Wanted } from './list';
import { Videos } from './videos';

const ALL: Wanted = { tab: 'all', q: '', sort: '-created' };
const page = (...items: unknown[]) => ({ items, next_cursor: null });

async function open(replies: Record<string, unknown>, wanted = ALL, view: 'table' | 'grid' = 'table') {
  const asked = serve({ 'GET /api/v1/caller': caller(), ...replies });
  const change = vi.fn();
  const shown = await show(<Videos wanted={wanted} view={view} onChange={change} />);
  return { ...shown, asked, change };
}

const made = (asked: Asked[], method: string) => asked.filter((one) => one.method === method).map(({ path }) => path);

test('videos are shown with title, length and status, and how far those are that are made', async () => {
  await open({
    'GET /api/v1/assets': page(asset('a'), asset('b', { status: 'preparing', title: null, duration_ms: null })),
    'GET /api/v1/jobs/job_b': job('job_b', { status: 'running', progress: { fraction: 0.42 } }),
  });
  const table = await screen.findByRole('table', { name: '2 videos' });
  const [, first, second] = within(table).getAllByRole('row');
  expect(first?.textContent).toContain('Title of a');
  expect(first?.textContent).toContain('Ready');
  expect(first?.textContent).toContain('1:01');
  expect(within(second as HTMLElement).getByRole('link', { name: /^b/ })).toBeDefined();
  await waitFor(() => expect(within(table).getByRole('progressbar').getAttribute('aria-valuenow')).toBe('42'));
});

test('of thousands of videos only those exist that can be seen', async () => {
  const many = Array.from({ length: 5_000 }, (_, number) => asset(`asset_${number}`));
  await open({ 'GET /api/v1/assets': page(...many) });
  const table = await screen.findByRole('table');
  expect(table.getAttribute('aria-rowcount')).toBe('5001');
  expect(within(table).getAllByRole('row').length).toBeLessThan(60);
});

test('a list has one menu, of the video that it was opened for', async () => {
  const { user } = await open({ 'GET /api/v1/assets': page(asset('a'), asset('b')) });
  const [first, second] = ['a', 'b'].map((id) => ({ name: `Actions for Title of ${id}` }));
  await user.click(await screen.findByRole('button', first));
  expect(await screen.findByRole('menuitem', { name: 'Delete' })).toBeDefined();
  await user.keyboard('{Escape}');
  await waitFor(() => expect(document.activeElement).toBe(screen.getByRole('button', first)));
  screen.getByRole('button', second).focus();
  await user.keyboard('{ArrowDown}');
  await waitFor(() => expect(document.activeElement).toBe(screen.getByRole('menuitem', { name: 'Open' })));
  expect(screen.getByRole('menu').getAttribute('aria-labelledby')).toBe(screen.getByRole('button', second).id);
});

test.each(['table', 'grid'] as const)('one goes through a %s by keys, chooses and opens', async (view) => {
  const stop = listenForShortcuts();
  const { user, router } = await open({ 'GET /api/v1/assets': page(asset('a'), asset('b')) }, ALL, view);
  await screen.findByText('Title of b');
  await user.keyboard('jjx');
  expect(screen.getByRole('checkbox', { name: 'Choose Title of b' })).toHaveProperty('checked', true);
  expect(screen.getByText('1 video chosen')).toBeDefined();
  await user.keyboard('k{Enter}');
  await waitFor(() => expect(router.state.location.pathname).toBe('/videos/a'));
  stop();
});

test('one stays at a video while others come above it, and where it goes, at its place', async () => {
  const stop = listenForShortcuts();
  let items = ['a', 'b', 'c'];
  const { user, queries } = await open({
    'GET /api/v1/assets': () => page(...items.map((id) => asset(id))),
  });
  await screen.findByText('Title of b');
  await user.keyboard('jj');
  const current = () => document.querySelector('[data-current]')?.textContent;
  const listed = async (...ids: string[]) => {
    items = ids;
    await act(() => queries.invalidateQueries());
    await waitFor(() => expect(screen.getAllByRole('row')).toHaveLength(ids.length + 1));
  };
  await listed('new', 'a', 'b', 'c');
  expect(current()).toContain('Title of b');
  await listed('new', 'a', 'c');
  expect(current()).toContain('Title of c');
  stop();
});

test('what is chosen stays so while others come, and many are chosen at once', async () => {
  const { user } = await open({ 'GET /api/v1/assets': page(...['a', 'b', 'c', 'd'].map((id) => asset(id))) });
  await user.click(await screen.findByRole('checkbox', { name: 'Choose Title of a' }));
  await user.keyboard('{Shift>}');
  await user.click(screen.getByRole('checkbox', { name: 'Choose Title of c' }));
  await user.keyboard('{/Shift}');
  expect(screen.getByText('3 videos chosen')).toBeDefined();
  expect(screen.getByRole('checkbox', { name: 'Choose Title of d' })).toHaveProperty('checked', false);
});

test('titles are text, whatever stands in them', async () => {
  const title = '<img src=x onerror=alert(1)> مرحبا 🎬';
  await open({ 'GET /api/v1/assets': page(asset('a', { title })) });
  const link = await screen.findByText(title);
  expect(link.getAttribute('dir')).toBe('auto');
  expect(document.querySelector('img[src="x"]')).toBeNull();
});

test('what is chosen is deleted at once, and can be taken back', async () => {
  const { user, asked } = await open({
    'GET /api/v1/assets': page(asset('a'), asset('b'), asset('c')),
    'DELETE /api/v1/assets/a': null,
    'DELETE /api/v1/assets/b': null,
    'POST /api/v1/assets/a/restore': asset('a'),
    'POST /api/v1/assets/b/restore': asset('b'),
  });
  await user.click(await screen.findByRole('checkbox', { name: 'Choose Title of a' }));
  await user.click(screen.getByRole('checkbox', { name: 'Choose Title of b' }));
  expect(screen.getByText('2 videos chosen')).toBeDefined();
  await user.click(screen.getByRole('button', { name: 'Delete' }));
  await waitFor(() => expect(screen.queryByText('Title of a')).toBeNull());
  expect(screen.getByText('Title of c')).toBeDefined();
  await user.click(await screen.findByRole('button', { name: 'Undo' }));
  expect(await screen.findByText('2 videos restored.')).toBeDefined();
  expect(made(asked, 'DELETE').sort()).toEqual(['/api/v1/assets/a', '/api/v1/assets/b']);
  expect(made(asked, 'POST').sort()).toEqual(['/api/v1/assets/a/restore', '/api/v1/assets/b/restore']);
});

test('what was deleted is restored, or goes for good when one means it', async () => {
  const gone = { deleted_at: '2026-11-21T10:00:00Z', restorable_until: '2026-11-28T10:00:00Z' };
  const { user, asked } = await open(
    {
      'GET /api/v1/assets': page(asset('a', gone), asset('b', gone)),
      'POST /api/v1/assets/a/restore': asset('a'),
      'DELETE /api/v1/assets/b': null,
    },
    { ...ALL, tab: 'deleted' },
  );
  expect(await screen.findByRole('button', { name: 'Delete 2 for good' })).toBeDefined();
  expect(screen.queryByRole('searchbox')).toBeNull();
  await user.click(screen.getByRole('button', { name: 'Restore Title of a' }));
  expect(await screen.findByText('1 video restored.')).toBeDefined();
  await user.click(screen.getByRole('button', { name: 'Delete Title of b for good' }));
  expect(made(asked, 'DELETE')).toEqual([]);
  await user.click(await screen.findByRole('button', { name: 'Delete for good' }));
  expect(await screen.findByText('1 video deleted for good.')).toBeDefined();
  const { query } = asked.find(({ method }) => method === 'DELETE') as Asked;
  expect(query.get('permanent')).toBe('true');
  expect(asked[1]?.query.get('deleted')).toBe('true');
});

test('what could not be deleted comes back, with the reason', async () => {
  const { user } = await open({
    'GET /api/v1/assets': page(asset('a')),
    'DELETE /api/v1/assets/a': new Refusal(503, 'database_away', 'The database is away.'),
  });
  await user.click(await screen.findByRole('checkbox', { name: 'Choose Title of a' }));
  await user.click(screen.getByRole('button', { name: 'Delete' }));
  expect(await screen.findByText(/The database is away/)).toBeDefined();
  expect(await screen.findByText('Title of a')).toBeDefined();
});

test('of those that are refused each is shown again, and the others can be taken back', async () => {
  const { user, asked } = await open({
    'GET /api/v1/assets': page(asset('a'), asset('b')),
    'DELETE /api/v1/assets/a': new Refusal(503, 'store_full', 'The store is full.'),
    'DELETE /api/v1/assets/b': null,
    'POST /api/v1/assets/b/restore': asset('b'),
  });
  await user.click(await screen.findByRole('checkbox', { name: 'Choose all' }));
  await user.click(screen.getByRole('button', { name: 'Delete' }));
  expect(await screen.findByText('1 of them was refused: The store is full.')).toBeDefined();
  const said = screen.getByText(/The store is full/).parentElement as HTMLElement;
  await user.click(within(said).getByRole('button', { name: 'Undo' }));
  await waitFor(() => expect(made(asked, 'POST')).toHaveLength(1));
  expect(made(asked, 'POST')).toEqual(['/api/v1/assets/b/restore']);
});

test('what could not be deleted without a connection is there, and that is said', async () => {
  const replies: Record<string, unknown> = { 'GET /api/v1/assets': page(asset('a')) };
  const { user } = await open(replies);
  await user.click(await screen.findByRole('checkbox', { name: 'Choose Title of a' }));
  vi.stubGlobal('fetch', () => Promise.reject(new TypeError('no way there')));
  await user.click(screen.getByRole('button', { name: 'Delete' }));
  const said = (await screen.findByText(/The server can’t be reached/)).parentElement as HTMLElement;
  expect(screen.getByText('Title of a')).toBeDefined();
  expect(within(said).queryByRole('button', { name: 'Undo' })).toBeNull();
});

test('a list that can’t be asked for anew stays', async () => {
  const { queries } = await open({ 'GET /api/v1/assets': page(asset('a')) });
  await screen.findByText('Title of a');
  serve({ 'GET /api/v1/assets': new Refusal(503, 'database_away', 'The database is away.') });
  await act(() => queries.invalidateQueries());
  await waitFor(() =>
    expect(
      queries
        .getQueryCache()
        .getAll()
        .some(({ state }) => state.status === 'error'),
    ).toBe(true),
  );
  expect(screen.getByText('Title of a')).toBeDefined();
});

test('only those that failed are tried again', async () => {
  const error = { code: 'decode_failed', detail: 'It is broken.' };
  const { user, asked } = await open({
    'GET /api/v1/assets': page(asset('a'), asset('b', { status: 'errored', error })),
    'POST /api/v1/jobs/job_b/retry': job('job_b'),
  });
  await user.click(await screen.findByRole('checkbox', { name: 'Choose all' }));
  await user.click(screen.getByRole('button', { name: 'Try 1 again' }));
  await waitFor(() => expect(made(asked, 'POST')).toEqual(['/api/v1/jobs/job_b/retry']));
});

test('who may only look is offered nothing that changes something', async () => {
  const { user } = await open({ 'GET /api/v1/caller': viewer(), 'GET /api/v1/assets': page(asset('a')) });
  await user.click(await screen.findByRole('checkbox', { name: 'Choose Title of a' }));
  expect(screen.queryByRole('button', { name: 'Delete' })).toBeNull();
  expect(screen.queryByRole('link', { name: 'Upload' })).toBeNull();
  await user.click(screen.getByRole('button', { name: 'Actions for Title of a' }));
  expect(await screen.findByRole('menuitem', { name: 'Open' })).toBeDefined();
  expect(screen.queryByRole('menuitem', { name: 'Delete' })).toBeNull();
});

test('who may only look tries nothing again that failed', async () => {
  const error = { code: 'decode_failed', detail: 'It is broken.' };
  const { user } = await open({
    'GET /api/v1/caller': viewer(),
    'GET /api/v1/assets': page(asset('a', { status: 'errored', error })),
  });
  await user.click(await screen.findByRole('checkbox', { name: 'Choose Title of a' }));
  expect(screen.getByText('1 video chosen')).toBeDefined();
  expect(screen.queryByRole('button', { name: /again/ })).toBeNull();
  await user.click(screen.getByRole('button', { name: 'Actions for Title of a' }));
  expect(await screen.findByRole('menuitem', { name: 'Open' })).toBeDefined();
  expect(screen.queryByRole('menuitem', { name: 'Try again' })).toBeNull();
});

test('order and search go into the address', async () => {
  const { user, change } = await open({ 'GET /api/v1/assets': page(asset('a')) });
  await user.click(await screen.findByRole('button', { name: 'Length' }));
  expect(change).toHaveBeenLastCalledWith({ sort: '-duration' });
  await user.type(screen.getByRole('searchbox', { name: 'Search videos' }), 'cats');
  await waitFor(() => expect(change).toHaveBeenLastCalledWith({ q: 'cats' }));
});

test('what one types into the search is not lost to the address that comes after', async () => {
  serve({ 'GET /api/v1/caller': caller(), 'GET /api/v1/assets': page(asset('a')) });
  function Searched() {
    const [wanted, setWanted] = useState(ALL);
    return (
      <>
        <p>{`asked for: ${wanted.q}`}</p>
        <Videos wanted={wanted} view="table" onChange={(changes) => setWanted((now) => ({ ...now, ...changes }))} />
      </>
    );
  }
  const { user } = await show(<Searched />);
  const box = await screen.findByRole('searchbox', { name: 'Search videos' });
  await user.type(box, 'summer ');
  await screen.findByText('asked for: summer');
  await user.type(box, 'film');
  expect(box).toHaveProperty('value', 'summer film');
});

test('another tab is not said to be empty before it is there', async () => {
  const answers: ((answer: unknown) => void)[] = [];
  serve({
    'GET /api/v1/caller': caller(),
    'GET /api/v1/assets': ({ query }: Asked) =>
      query.has('status') ? page() : new Promise((resolve) => answers.push(resolve)),
  });
  function Tabbed() {
    const [tab, setTab] = useState<Wanted['tab']>('failed');
    return (
      <>
        <button type="button" onClick={() => setTab('all')}>
          To all
        </button>
        <Videos wanted={{ ...ALL, tab }} view="table" onChange={() => undefined} />
      </>
    );
  }
  const { user } = await show(<Tabbed />);
  expect(await screen.findByText('No video is like this')).toBeDefined();
  await user.click(screen.getByRole('button', { name: 'To all' }));
  expect(screen.queryByText('No videos yet')).toBeNull();
  expect(screen.getByText('The videos are loading')).toBeDefined();
  act(() => answers[0]?.(page(asset('a'))));
  expect(await screen.findByText('Title of a')).toBeDefined();
});

test('where there is nothing, it says what one can do', async () => {
  await open({ 'GET /api/v1/assets': page() });
  expect(await screen.findByText('No videos yet')).toBeDefined();
  expect(screen.getByRole('link', { name: 'Upload a video' })).toBeDefined();
});

test('where a search finds nothing, all can be shown again', async () => {
  const { user, change } = await open({ 'GET /api/v1/assets': page() }, { ...ALL, q: 'nothing' });
  await user.click(await screen.findByRole('button', { name: 'Show all videos' }));
  expect(change).toHaveBeenCalledWith({ q: '', tab: 'all' });
});

test('one who may not is told so, and an error can be tried again', async () => {
  const detail = 'This needs the scope assets:read.';
  const { user, asked } = await open({ 'GET /api/v1/assets': new Refusal(500, 'internal_error', 'It broke.') });
  await user.click(await screen.findByRole('button', { name: 'Try again' }));
  expect(asked.filter(({ path }) => path === '/api/v1/assets')).toHaveLength(2);
  await open({ 'GET /api/v1/assets': new Refusal(403, 'scope_missing', detail) });
  expect(await screen.findByText('Not for you')).toBeDefined();
  expect(screen.getByText(detail)).toBeDefined();
});

test('pictures of private videos are not asked for', async () => {
  await open({ 'GET /api/v1/assets': page(asset('a'), asset('b', { playback_policy: 'signed' })) });
  await screen.findByText('Title of b');
  const sources = [...document.querySelectorAll('img')].map((image) => image.getAttribute('src'));
  expect(sources).toEqual(['/image/playa/thumbnail.webp?width=320']);
});
