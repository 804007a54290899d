import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Clapperboard, LayoutGrid, RotateCcw, Rows3, Search, Trash2, Upload, X } from 'lucide-react';
import { Suspense, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { instead } from '../../api/problem';
import { useEvents } from '../../app/live-context';
import { part } from '../../app/part';
import { useMay } from '../../app/session';
import { useShortcut } from '../../app/shortcuts';
import { count } from '../../app/words';
import { Button } from '../../ui/button';
import { cn } from '../../ui/cn';
import { Input, Select } from '../../ui/field';
import { Failed, Loading, Nothing } from '../../ui/states';
import type { Asset } from './asset';
import { useDeeds } from './deeds';
import { VideoGrid } from './grid';
import { listQuery, rowsOf, type Sort, TABS, type Tab, takeEvent, type Wanted } from './list';
import { type Selection, useSelection } from './selection';
import { VideoTable } from './video-table';

const DeletedVideos = part(() => import('./deleted'));

export type View = 'table' | 'grid';

interface VideosProps {
  wanted: Wanted;
  view: View;
  onChange: (changes: Partial<Wanted> & { view?: View }) => void;
}

/** All videos of the organization: as a table or a grid, searched, sorted, and changed together. */
export function Videos({ wanted, view, onChange }: VideosProps) {
  const list = useInfiniteQuery(listQuery(wanted));
  const rows = useMemo(() => rowsOf(list.data), [list.data]);
  const wrong = instead(list);
  // That there are none in another tab says nothing of this one.
  const isComing = list.isPending || (list.isPlaceholderData && rows.length === 0);
  const selection = useSelection(rows);
  const queries = useQueryClient();
  useEvents(useCallback((event) => void takeEvent(queries, event), [queries]));
  useEffect(() => {
    document.title = 'Videos · VidCompute';
  }, []);
  const more = () => {
    // What is being asked for anew would be given up for the next page.
    if (list.hasNextPage && !list.isFetching) void list.fetchNextPage();
  };
  const shared = {
    rows,
    selection,
    onEnd: more,
    label: list.hasNextPage ? `${rows.length}+ videos` : count(rows.length, 'video'),
  };
  return (
    <div className="flex h-full flex-col">
      <Toolbar wanted={wanted} view={view} onChange={onChange} />
      {wrong ? (
        <Failed error={wrong} onRetry={() => void list.refetch()} />
      ) : isComing ? (
        <div className="px-4 md:px-8">
          <Loading lines={8} label="The videos are loading" />
        </div>
      ) : rows.length === 0 ? (
        <Empty wanted={wanted} onClear={() => onChange({ q: '', tab: 'all' })} />
      ) : wanted.tab === 'deleted' ? (
        <Suspense>
          <DeletedVideos rows={rows} label={shared.label} {...(list.hasNextPage ? { onMore: more } : {})} />
        </Suspense>
      ) : view === 'grid' ? (
        <VideoGrid {...shared} />
      ) : (
        <VideoTable {...shared} sort={wanted.sort} onSort={(sort) => onChange({ sort })} />
      )}
      <BulkBar selection={selection} />
    </div>
  );
}

const TAB_LABELS: Record<Tab, string> = {
  all: 'All',
  processing: 'Processing',
  ready: 'Ready',
  failed: 'Failed',
  deleted: 'Deleted',
};
const SORT_LABELS: Record<Sort, string> = {
  '-created': 'Newest first',
  created: 'Oldest first',
  title: 'Title, A to Z',
  '-title': 'Title, Z to A',
  '-duration': 'Longest first',
  duration: 'Shortest first',
};
const TYPING_MS = 250;

function Toolbar({ wanted, view, onChange }: VideosProps) {
  const mayUpload = useMay('uploads:write');
  return (
    <div className="grid shrink-0 gap-4 px-4 pt-5 md:px-8 md:pt-7">
      <div className="flex items-center justify-between gap-3">
        <h1 className="font-semibold text-xl tracking-tight">Videos</h1>
        {mayUpload && (
          <Button variant="primary" asChild>
            <Link to="/upload">
              <Upload aria-hidden /> Upload
            </Link>
          </Button>
        )}
      </div>
      <div className="flex flex-wrap items-center gap-2 pb-3">
        <nav aria-label="Which videos" className="flex max-w-full overflow-x-auto rounded-lg border bg-sunken p-0.5">
          {TABS.map((tab) => (
            <Link
              key={tab}
              to="/videos"
              search={(before) => ({ ...before, tab })}
              replace
              aria-current={tab === wanted.tab ? 'page' : undefined}
              className={cn(
                'rounded-md px-2.5 py-1 font-medium no-underline',
                tab === wanted.tab
                  ? 'bg-card text-foreground shadow-sm'
                  : 'text-muted-foreground hover:text-foreground',
              )}
            >
              {TAB_LABELS[tab]}
            </Link>
          ))}
        </nav>
        {wanted.tab !== 'deleted' && (
          <>
            <SearchBox value={wanted.q} onChange={(q) => onChange({ q })} />
            <Select
              aria-label="Order"
              className="max-sm:order-4"
              value={wanted.sort}
              onChange={(event) => onChange({ sort: event.target.value as Sort })}
            >
              {Object.entries(SORT_LABELS).map(([sort, label]) => (
                <option key={sort} value={sort}>
                  {label}
                </option>
              ))}
            </Select>
            <Button
              size="icon"
              className="max-sm:order-2"
              aria-label={view === 'grid' ? 'Show as a table' : 'Show as a grid'}
              onClick={() => onChange({ view: view === 'grid' ? 'table' : 'grid' })}
            >
              {view === 'grid' ? <Rows3 /> : <LayoutGrid />}
            </Button>
          </>
        )}
      </div>
    </div>
  );
}

/** A field whose text is taken when one pauses typing. */
function SearchBox({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const [text, setText] = useState(value);
  const box = useRef<HTMLInputElement>(null);
  const latest = useRef(onChange);
  latest.current = onChange;
  // Who types knows best what stands there: the address comes after, without what was typed meanwhile.
  useEffect(() => {
    if (document.activeElement !== box.current) setText(value);
  }, [value]);
  useEffect(() => {
    if (text.trim() === value) return;
    const timer = window.setTimeout(() => latest.current(text.trim()), TYPING_MS);
    return () => window.clearTimeout(timer);
  }, [text, value]);
  useShortcut('/', 'Search', 'Videos', () => box.current?.focus());
  return (
    <div className="relative min-w-40 flex-1 max-sm:order-3">
      <Search aria-hidden className="absolute top-2.5 left-3 size-4 text-muted-foreground" />
      <Input
        ref={box}
        type="search"
        aria-label="Search videos"
        placeholder="Title or id"
        value={text}
        maxLength={200}
        className="pl-9"
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') event.currentTarget.blur();
        }}
      />
    </div>
  );
}

function Empty({ wanted, onClear }: { wanted: Wanted; onClear: () => void }) {
  const mayUpload = useMay('uploads:write');
  if (wanted.tab === 'deleted') {
    return (
      <Nothing icon={<Trash2 />} title="Nothing is deleted">
        <p>What is deleted can be restored from here for a while.</p>
      </Nothing>
    );
  }
  if (wanted.q !== '' || wanted.tab !== 'all') {
    return (
      <Nothing icon={<Search />} title="No video is like this">
        <Button onClick={onClear}>Show all videos</Button>
      </Nothing>
    );
  }
  return (
    <Nothing icon={<Clapperboard />} title="No videos yet">
      <p>A video that you upload can be watched within seconds, while the rest of it is still made.</p>
      {mayUpload && (
        <Button variant="primary" asChild>
          <Link to="/upload">
            <Upload aria-hidden /> Upload a video
          </Link>
        </Button>
      )}
    </Nothing>
  );
}

function BulkBar({ selection }: { selection: Selection }) {
  const { remove, retry } = useDeeds();
  const mayChange = useMay('assets:write');
  const mayRetry = useMay('jobs:write');
  const { chosen, clear } = selection;
  const failed = chosen.filter(({ status }) => status === 'errored');
  const act = (work: (assets: readonly Asset[]) => Promise<void>, assets: readonly Asset[]) => {
    clear();
    void work(assets);
  };
  const deleteChosen = () => {
    if (mayChange && chosen.length > 0) act(remove, chosen);
  };
  useShortcut('Delete', 'Delete what is chosen', 'Videos', deleteChosen);
  useShortcut('Escape', 'Choose nothing', 'Videos', clear);
  return (
    <div aria-live="polite" className={cn('shrink-0 border-t bg-card', chosen.length === 0 && 'sr-only')}>
      {chosen.length > 0 && (
        <div className="flex flex-wrap items-center gap-2 px-4 py-2.5 md:px-8">
          <span className="mr-auto font-medium">{count(chosen.length, 'video')} chosen</span>
          {mayRetry && failed.length > 0 && (
            <Button size="sm" onClick={() => act(retry, failed)}>
              <RotateCcw aria-hidden /> Try {failed.length} again
            </Button>
          )}
          {mayChange && (
            <Button size="sm" variant="destructive" onClick={deleteChosen}>
              <Trash2 aria-hidden /> Delete
            </Button>
          )}
          <Button size="icon-sm" variant="ghost" aria-label="Choose nothing" onClick={clear}>
            <X />
          </Button>
        </div>
      )}
    </div>
  );
}
