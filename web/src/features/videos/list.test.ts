import { QueryClient } from '@tanstack/react-query';
import { expect, test, vi } from 'vitest';
import { asset } from '../../testing/facts';
import { Refusal, serve } from '../../testing/server';
import { fits, forget, listQuery, type Pages, reload, rowsOf, takeEvent, type Wanted, withAsset } from './list';

const ALL: Wanted = { tab: 'all', q: '', sort: '-created' };

function pages(...ids: string[][]): Pages {
  return {
    pages: ids.map((some) => ({ items: some.map((id) => asset(id)), next_cursor: null })),
    pageParams: ids.map(() => null),
  };
}

const ids = (found: Pages | undefined) => rowsOf(found).map(({ id }) => id);

test('the list asks for what its address says, page after page', async () => {
  const asked = serve({
    'GET /api/v1/assets': ({ query }: { query: URLSearchParams }) => ({
      items: [asset(query.get('cursor') ?? 'first')],
      next_cursor: query.get('cursor') ? null : 'second',
    }),
  });
  const found = await new QueryClient().fetchInfiniteQuery({
    ...listQuery({ tab: 'processing', q: 'cat', sort: 'title' }),
    pages: 2,
  });
  expect(rowsOf(found).map(({ id }) => id)).toEqual(['first', 'second']);
  expect(asked[0]?.query.getAll('status')).toEqual(['preparing', 'playable']);
  expect([asked[0]?.query.get('q'), asked[0]?.query.get('sort')]).toEqual(['cat', 'title']);
});

test('a video fits a list by its state and its text', () => {
  const one = asset('asset_1', { title: 'Summer Film', status: 'playable' });
  expect(fits(one, ALL)).toBe(true);
  expect(fits(one, { ...ALL, tab: 'processing', q: 'film' })).toBe(true);
  expect(fits(one, { ...ALL, tab: 'ready' })).toBe(false);
  expect(fits(one, { ...ALL, q: 'asset_1' })).toBe(true);
  expect(fits(one, { ...ALL, q: 'winter' })).toBe(false);
});

test('a video is changed in its place, and leaves where it does not belong any more', () => {
  const changed = asset('b', { status: 'ready', title: 'New' });
  const there = withAsset(pages(['a', 'b'], ['c']), changed, ALL);
  expect(rowsOf(there).map(({ title }) => title)).toEqual(['Title of a', 'New', 'Title of c']);
  expect(ids(withAsset(pages(['a', 'b']), changed, { ...ALL, tab: 'processing' }))).toEqual(['a']);
});

test('an event costs one request, however many pages are shown, and they keep their place', async () => {
  const queries = new QueryClient();
  const { queryKey } = listQuery(ALL);
  queries.setQueryData<Pages>(queryKey, pages(['a'], ['b'], ['c'], ['d'], ['e']));
  const asked = serve({ 'GET /api/v1/assets/c': asset('c', { status: 'errored' }) });
  await takeEvent(queries, { type: 'asset.errored', subjectId: 'c', data: {} });
  expect(asked.map(({ path }) => path)).toEqual(['/api/v1/assets/c']);
  const shown = queries.getQueryData<Pages>(queryKey);
  expect(rowsOf(shown).map(({ status }) => status)).toEqual(['ready', 'ready', 'errored', 'ready', 'ready']);
});

test('what was deleted goes, and is not asked for; what is gone meanwhile is no error', async () => {
  const queries = new QueryClient();
  const { queryKey } = listQuery(ALL);
  queries.setQueryData<Pages>(queryKey, pages(['a', 'b']));
  const asked = serve({ 'GET /api/v1/assets/b': new Refusal(404, 'asset_not_found', 'Gone.') });
  await takeEvent(queries, { type: 'asset.deleted', subjectId: 'a', data: {} });
  expect(asked).toEqual([]);
  await takeEvent(queries, { type: 'asset.ready', subjectId: 'b', data: {} });
  expect(ids(queries.getQueryData(queryKey))).toEqual(['b']);
});

/** A list whose answers the test gives, one after the other. */
function slow() {
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  const answers: ((items: readonly unknown[]) => void)[] = [];
  const page = (items: readonly unknown[]) => ({ items, next_cursor: null });
  const list = () => new Promise((resolve) => answers.push((items) => resolve(page(items))));
  const shown = () =>
    rowsOf(queries.getQueryData<Pages>(listQuery(ALL).queryKey)).map(({ id, status }) => [id, status]);
  return { queries, answers, list, shown };
}

test('an answer that was read before an event does not bring back what was', async () => {
  const { queries, answers, list, shown } = slow();
  serve({ 'GET /api/v1/assets': list, 'GET /api/v1/assets/a': asset('a', { status: 'ready' }) });
  const first = queries.fetchInfiniteQuery(listQuery(ALL));
  await vi.waitFor(() => expect(answers).toHaveLength(1));
  await takeEvent(queries, { type: 'asset.ready', subjectId: 'a', data: {} });
  forget(queries, new Set(['b']));
  answers[0]?.([asset('a', { status: 'preparing' }), asset('b')]);
  await first;
  await vi.waitFor(() => expect(shown()).toEqual([['a', 'ready']]));
});

test('what was deleted and is restored meanwhile is shown', async () => {
  const { queries, answers, list, shown } = slow();
  serve({ 'GET /api/v1/assets': list });
  const first = queries.fetchInfiniteQuery(listQuery(ALL));
  await vi.waitFor(() => expect(answers).toHaveLength(1));
  forget(queries, new Set(['a']));
  void reload(queries, ['a']);
  answers[0]?.([asset('a')]);
  await first;
  await vi.waitFor(() => expect(shown()).toEqual([['a', 'ready']]));
});

test('of two answers about one video the last one asked for counts', async () => {
  const queries = new QueryClient();
  const { queryKey } = listQuery(ALL);
  queries.setQueryData<Pages>(queryKey, pages(['a']));
  const answers: ((answer: unknown) => void)[] = [];
  serve({ 'GET /api/v1/assets/a': () => new Promise((resolve) => answers.push(resolve)) });
  const event = { type: 'asset.updated', subjectId: 'a', data: {} };
  const both = [takeEvent(queries, event), takeEvent(queries, event)];
  await vi.waitFor(() => expect(answers).toHaveLength(2));
  answers[1]?.(asset('a', { title: 'New' }));
  await both[1];
  answers[0]?.(asset('a', { title: 'Old' }));
  await both[0];
  expect(rowsOf(queries.getQueryData<Pages>(queryKey))[0]?.title).toBe('New');
});

test('where a video can’t be had for an event of it, the lists are asked for anew', async () => {
  const queries = new QueryClient();
  const { queryKey } = listQuery(ALL);
  queries.setQueryData<Pages>(queryKey, pages(['a']));
  serve({ 'GET /api/v1/assets/a': new Refusal(503, 'database_away', 'Away.') });
  await takeEvent(queries, { type: 'asset.ready', subjectId: 'a', data: {} });
  expect(queries.getQueryState(queryKey)?.isInvalidated).toBe(true);
});
