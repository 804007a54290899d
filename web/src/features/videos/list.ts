import type { InfiniteData, Query, QueryClient } from '@tanstack/react-query';
import { infiniteQueryOptions } from '@tanstack/react-query';
import { http, type Schemas } from '../../api/client';
import { told } from '../../api/problem';
import type { LiveEvent } from '../../app/live';
import { settled } from '../../app/renew';
import { type Asset, type AssetStatus, titleOf } from './asset';

export const TABS = ['all', 'processing', 'ready', 'failed', 'deleted'] as const;
export type Tab = (typeof TABS)[number];

export const SORTS = ['-created', 'created', 'title', '-title', '-duration', 'duration'] as const;
export type Sort = (typeof SORTS)[number];

/** What the list shows, as its address says. */
export interface Wanted {
  tab: Tab;
  q: string;
  sort: Sort;
}

const STATUSES: Record<Tab, AssetStatus[]> = {
  all: [],
  processing: ['preparing', 'playable'],
  ready: ['ready'],
  failed: ['errored'],
  deleted: [],
};

const PAGE_SIZE = 100;
// More than a window shows, and few enough to be there soon. `dashboard/early.ts` asks for as many.
const FIRST_SIZE = 50;
// With more pages than these nothing is asked for anew because of one event: what is shown is patched instead.
const FEW_PAGES = 3;

type Page = Schemas['AssetPage'];
export type Pages = InfiniteData<Page, string | null>;

const KEY = 'videos';

export function listQuery(wanted: Wanted) {
  return infiniteQueryOptions({
    queryKey: [KEY, 'list', wanted] as const,
    meta: { follows: 'asset.' },
    initialPageParam: null as string | null,
    queryFn: async ({ pageParam, signal }): Promise<Page> => {
      const query = {
        limit: pageParam ? PAGE_SIZE : FIRST_SIZE,
        ...(wanted.tab === 'deleted' ? { deleted: true } : { sort: wanted.sort }),
        ...(STATUSES[wanted.tab].length > 0 ? { status: STATUSES[wanted.tab] } : {}),
        ...(wanted.q && wanted.tab !== 'deleted' ? { q: wanted.q } : {}),
        ...(pageParam ? { cursor: pageParam } : {}),
      };
      const { data, error } = await http.GET('/api/v1/assets', { params: { query }, signal });
      if (!data) throw error;
      return data;
    },
    getNextPageParam: (page) => page.next_cursor,
    // What is deleted is never shown among what is not, nor the other way round.
    placeholderData: (pages, query) =>
      (query?.queryKey[2].tab === 'deleted') === (wanted.tab === 'deleted') ? pages : undefined,
  });
}

/** All that came so far, in order. */
export function rowsOf(pages: InfiniteData<Page, unknown> | undefined): Asset[] {
  return pages?.pages.flatMap((page) => page.items) ?? [];
}

/** Whether a video belongs into a list. */
export function fits(asset: Asset, { tab, q }: Wanted): boolean {
  const statuses = STATUSES[tab];
  if ((asset.deleted_at !== null) !== (tab === 'deleted')) return false;
  if (statuses.length > 0 && !statuses.includes(asset.status)) return false;
  const text = q.toLowerCase();
  return text === '' || titleOf(asset).toLowerCase().includes(text) || [asset.id, asset.playback_id].includes(q);
}

/** The pages with a video as it is now: changed in its place, gone from where it doesn't belong any more. */
export function withAsset(pages: Pages, asset: Asset, wanted: Wanted): Pages {
  const stays = fits(asset, wanted);
  return {
    ...pages,
    pages: pages.pages.map((page) =>
      page.items.some(({ id }) => id === asset.id)
        ? { ...page, items: page.items.flatMap((item) => (item.id !== asset.id ? [item] : stays ? [asset] : [])) }
        : page,
    ),
  };
}

/** The pages without some videos. */
export function without(pages: Pages, ids: ReadonlySet<string>): Pages {
  return {
    ...pages,
    pages: pages.pages.map((page) => ({ ...page, items: page.items.filter(({ id }) => !ids.has(id)) })),
  };
}

const wantedBy = ({ queryKey }: Pick<Query, 'queryKey'>) => queryKey[2] as Wanted;

/** How often each video was changed, as far as this page knows: what was learnt before the last change is old. */
const changes = new Map<string, number>();

/** Begins a change of a video; whether it is still the last one. */
function begin(id: string): () => boolean {
  const own = (changes.get(id) ?? 0) + 1;
  changes.set(id, own);
  return () => changes.get(id) === own;
}

type Change = (pages: Pages, wanted: Wanted) => Pages;

/** Changes what the lists show: and once more what is on its way to them, which may have been read before the change. */
function eachList(queries: QueryClient, change: Change): void {
  for (const query of queries.getQueryCache().findAll({ queryKey: [KEY, 'list'] })) {
    const make = () => {
      const pages = query.state.data as Pages | undefined;
      if (pages) queries.setQueryData<Pages>(query.queryKey, change(pages, wantedBy(query)));
    };
    const isComing = query.state.fetchStatus === 'fetching';
    make();
    if (isComing) void settled(queries, query).then(make);
  }
}

/** Lets videos vanish from every list that is shown, before the server has answered; `forGood` from those deleted too. */
export function forget(queries: QueryClient, ids: ReadonlySet<string>, forGood = false): void {
  const begun = [...ids].map((id) => ({ id, isLast: begin(id) }));
  eachList(queries, (pages, wanted) => {
    if (wanted.tab === 'deleted' && !forGood) return pages;
    return without(pages, new Set(begun.filter(({ isLast }) => isLast()).map(({ id }) => id)));
  });
}

/** What the lists show now, and a way to show that again, but for those videos that are gone. */
export function kept(queries: QueryClient): (gone: ReadonlySet<string>) => void {
  const lists = queries.getQueriesData<Pages>({ queryKey: [KEY, 'list'] });
  return (gone) => {
    for (const [key, pages] of lists) if (pages) queries.setQueryData<Pages>(key, without(pages, gone));
  };
}

/** Asks for the lists anew; these videos may be in them again. */
export function reload(queries: QueryClient, ids: Iterable<string> = []): Promise<void> {
  for (const id of ids) begin(id);
  return queries.invalidateQueries({ queryKey: [KEY, 'list'] });
}

const assetKey = (assetId: string) => ['get', '/api/v1/assets/{asset_id}', { params: { path: { asset_id: assetId } } }];

/**
 * Takes an event of a video into what is shown: one request for that video, whatever is on screen. Answers may overtake
 * each other: that to the last request counts. Where there is none the lists are asked for anew.
 */
export async function takeEvent(queries: QueryClient, event: LiveEvent): Promise<void> {
  if (!event.type.startsWith('asset.')) return;
  const id = event.subjectId;
  const isLast = begin(id);
  if (event.type === 'asset.restored') await reloadDeleted(queries);
  if (event.type === 'asset.deleted' || event.type === 'asset.purged') {
    forget(queries, new Set([id]), event.type === 'asset.purged');
    await reloadDeleted(queries);
    return;
  }
  const asset = await findAsset(id).catch(() => undefined);
  if (asset === undefined) await reload(queries);
  if (!asset || !isLast()) return;
  queries.setQueryData(assetKey(id), asset);
  eachList(queries, (pages, wanted) =>
    wanted.tab === 'deleted' || !isLast() ? pages : withAsset(pages, asset, wanted),
  );
  await reloadSmall(queries, asset);
}

/** Asks for what is deleted: it is not patched, for what is known of one video may be older than its deletion. */
function reloadDeleted(queries: QueryClient): Promise<void> {
  return queries.invalidateQueries({
    queryKey: [KEY, 'list'],
    predicate: (query) => wantedBy(query).tab === 'deleted',
  });
}

/** Asks for those lists anew that a video has to come into, and that are short enough. */
function reloadSmall(queries: QueryClient, asset: Asset): Promise<void> {
  return queries.invalidateQueries({
    queryKey: [KEY, 'list'],
    predicate: (query) => {
      const pages = query.state.data as Pages | undefined;
      if (!pages || pages.pages.length > FEW_PAGES || !fits(asset, wantedBy(query))) return false;
      return !rowsOf(pages).some((row) => row.id === asset.id);
    },
  });
}

async function findAsset(id: string): Promise<Asset | null> {
  const { data, error } = await http.GET('/api/v1/assets/{asset_id}', { params: { path: { asset_id: id } } });
  if (data) return data;
  if (told(error).status === 404) return null;
  throw error;
}
