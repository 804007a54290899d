import { QueryClient } from '@tanstack/react-query';
import { expect, test } from 'vitest';
import { asset } from '../../testing/facts';
import { Refusal, serve } from '../../testing/server';
import { fits, listQuery, type Pages, rowsOf, takeEvent, type Wanted, withAsset } from './list';

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
