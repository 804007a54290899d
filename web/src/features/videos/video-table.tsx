import { useNavigate } from '@tanstack/react-router';
import { useVirtualizer } from '@tanstack/react-virtual';
import { ArrowDown, ArrowUp } from 'lucide-react';
import { memo, useCallback, useEffect, useRef, useState } from 'react';
import { useShortcut } from '../../app/shortcuts';
import { clock } from '../../app/words';
import { cn } from '../../ui/cn';
import { Checkbox } from '../../ui/field';
import { Ago } from '../../ui/time';
import { ActionsMenu } from './actions-menu';
import { type Asset, titleOf } from './asset';
import { useVideoLinks } from './links';
import type { Sort } from './list';
import { Picture } from './picture';
import type { Selection } from './selection';
import { Status } from './status';

export interface RowsProps {
  rows: readonly Asset[];
  label: string;
  selection: Selection;
  /** The end is near: what follows should be fetched. */
  onEnd: () => void;
}

const ROW_PX = 68;
const NEAR_END = 20;

/** Thousands of videos as a table, of which those rows exist that can be seen. */
export function VideoTable({ rows, label, selection, onEnd, sort, onSort }: RowsProps & SortProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState(-1);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 5,
    // With another function all rows would be measured anew, at each step of a scroll.
    getItemKey: useCallback((place: number) => rows[place]?.id ?? place, [rows]),
  });
  const shown = virtual.getVirtualItems();
  const end = shown.at(-1)?.index ?? 0;
  useEffect(() => {
    if (end >= rows.length - NEAR_END) onEnd();
  }, [end, rows.length, onEnd]);
  const go = (to: number) => {
    const next = Math.min(Math.max(to, 0), rows.length - 1);
    setAt(next);
    virtual.scrollToIndex(next, { align: 'auto' });
  };
  const linkTo = useVideoLinks();
  const navigate = useNavigate();
  const current = rows[at];
  useShortcut('j', 'Next video', 'Videos', () => go(at + 1));
  useShortcut('k', 'Video before', 'Videos', () => go(at - 1));
  useShortcut('x', 'Choose it', 'Videos', () => current && selection.toggle(current.id));
  useShortcut(
    'Enter',
    'Open it',
    'Videos',
    () => current && void navigate({ to: '/videos/$assetId', params: { assetId: current.id } }),
  );
  const before = shown[0]?.start ?? 0;
  const after = virtual.getTotalSize() - (shown.at(-1)?.end ?? 0);
  return (
    <div ref={scroller} className="min-h-0 flex-1 overflow-y-auto">
      <table
        aria-label={label}
        aria-rowcount={rows.length + 1}
        className="w-full table-fixed border-separate border-spacing-0 text-left"
      >
        <Head sort={sort} onSort={onSort} selection={selection} total={rows.length} />
        <tbody>
          <Space heightPx={before} />
          {shown.map(({ index, key }) => {
            const asset = rows[index];
            return (
              asset && (
                <Row
                  key={key}
                  asset={asset}
                  linkTo={linkTo}
                  place={index}
                  isCurrent={index === at}
                  isChosen={selection.has(asset.id)}
                  onToggle={selection.toggle}
                />
              )
            );
          })}
          <Space heightPx={after} />
        </tbody>
      </table>
    </div>
  );
}

/** Stands for the rows that can't be seen. */
function Space({ heightPx }: { heightPx: number }) {
  return heightPx > 0 ? (
    <tr aria-hidden>
      <td colSpan={6} style={{ height: heightPx, padding: 0 }} />
    </tr>
  ) : null;
}

interface SortProps {
  sort: Sort;
  onSort: (sort: Sort) => void;
}

function Head({ sort, onSort, selection, total }: SortProps & { selection: Selection; total: number }) {
  const { chosen, all, clear } = selection;
  return (
    <thead className="sticky top-0 z-10 bg-background text-[13px] text-muted-foreground">
      <tr aria-rowindex={1} className="h-9 [&>th]:border-y [&>th]:font-medium">
        <th scope="col" className="w-11 pl-4 md:w-14 md:pl-8">
          <Checkbox
            aria-label="Choose all"
            className="block"
            checked={chosen.length === total}
            ref={(box) => {
              if (box) box.indeterminate = chosen.length > 0 && chosen.length < total;
            }}
            onChange={chosen.length === total ? clear : all}
          />
        </th>
        <SortHead label="Video" up="title" down="-title" sort={sort} onSort={onSort} />
        <th scope="col" className="w-30 md:w-40">
          Status
        </th>
        <SortHead
          label="Length"
          up="duration"
          down="-duration"
          sort={sort}
          onSort={onSort}
          className="w-24 max-md:hidden"
        />
        <SortHead
          label="Created"
          up="created"
          down="-created"
          sort={sort}
          onSort={onSort}
          className="w-32 max-md:hidden"
        />
        <th scope="col" className="w-12 md:w-20">
          <span className="sr-only">Actions</span>
        </th>
      </tr>
    </thead>
  );
}

interface SortHeadProps extends SortProps {
  label: string;
  up: Sort;
  down: Sort;
  className?: string;
}

function SortHead({ label, up, down, sort, onSort, className }: SortHeadProps) {
  const direction = sort === up ? 'ascending' : sort === down ? 'descending' : 'none';
  const Arrow = direction === 'ascending' ? ArrowUp : ArrowDown;
  return (
    <th scope="col" aria-sort={direction} {...(className ? { className } : {})}>
      <button
        type="button"
        className="inline-flex items-center gap-1 hover:text-foreground"
        onClick={() => onSort(sort === down ? up : down)}
      >
        {label}
        {direction !== 'none' && <Arrow aria-hidden className="size-3.5" />}
      </button>
    </th>
  );
}

interface RowProps {
  asset: Asset;
  linkTo: ReturnType<typeof useVideoLinks>;
  place: number;
  isCurrent: boolean;
  isChosen: boolean;
  onToggle: Selection['toggle'];
}

const Row = memo(function Row({ asset, linkTo, place, isCurrent, isChosen, onToggle }: RowProps) {
  const title = titleOf(asset);
  return (
    <tr
      aria-rowindex={place + 2}
      data-current={isCurrent || undefined}
      className={cn(
        'data-current:shadow-[inset_3px_0_var(--vc-accent)] [&>td]:border-b',
        isChosen ? 'bg-primary-soft' : 'hover:bg-sunken data-current:bg-sunken',
      )}
      style={{ height: ROW_PX }}
    >
      <td className="pl-4 md:pl-8">
        <Checkbox
          className="block"
          aria-label={`Choose ${title}`}
          checked={isChosen}
          onChange={() => undefined}
          onClick={(event) => onToggle(asset.id, event.shiftKey)}
        />
      </td>
      <td className="pr-3 md:pr-6">
        <a {...linkTo(asset.id)} className="flex min-w-0 items-center gap-3 rounded-md font-medium no-underline">
          <Picture asset={asset} className="w-20 shrink-0 max-md:w-16" />
          <span className="grid min-w-0">
            <span
              className="truncate max-md:line-clamp-2 max-md:whitespace-normal max-md:[overflow-wrap:anywhere]"
              dir="auto"
            >
              {title}
            </span>
            <span className="truncate font-normal text-[13px] text-muted-foreground md:hidden">
              {clock(asset.duration_ms)} · <Ago time={asset.created_at} />
            </span>
          </span>
        </a>
      </td>
      <td className="pr-3">
        <Status asset={asset} />
      </td>
      <td className="text-muted-foreground tabular-nums max-md:hidden">{clock(asset.duration_ms)}</td>
      <td className="text-muted-foreground max-md:hidden">
        <Ago time={asset.created_at} />
      </td>
      <td className="pr-2 text-right md:pr-8">
        <ActionsMenu asset={asset} />
      </td>
    </tr>
  );
});
