import { useVirtualizer } from '@tanstack/react-virtual';
import { ArrowDown, ArrowUp } from 'lucide-react';
import { memo, useEffect, useRef } from 'react';
import { useWide } from '../../app/wide';
import { clock } from '../../app/words';
import { cn } from '../../ui/cn';
import { Checkbox } from '../../ui/field';
import type { OpenMenu } from '../../ui/menu-button';
import { AgoAt, useNow } from '../../ui/time';
import { ActionsMenu, useActionsMenu } from './actions-menu';
import { type Asset, titleOf } from './asset';
import { useVideoLinks } from './links';
import type { Sort } from './list';
import { useListKeys } from './list-keys';
import { Picture } from './picture';
import { usePictured } from './pictured';
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
const HEAD_PX = 36;
const NEAR_END = 20;
const BEYOND = 4; // rows that exist above and below those that are seen
// A table to who hears it. A browser would measure the cells of all rows for each one that comes, and so these are laid
// out on their own, as what they are: lines of one height with columns of known widths.
const PHONE_COLUMNS = 'grid-cols-[2.75rem_minmax(0,1fr)_7.5rem_3rem]';
const COLUMNS = `grid items-center ${PHONE_COLUMNS} md:grid-cols-[3.5rem_minmax(0,1fr)_10rem_6rem_8rem_5rem]`;
const APART = 'absolute inset-x-0 border-b contain-layout contain-size contain-style';
const ROW = `${COLUMNS} ${APART} data-current:shadow-[inset_3px_0_var(--vc-accent)]`;

/** Thousands of videos as a table, of which those rows exist that can be seen. */
export function VideoTable({ rows, label, selection, onEnd, sort, onSort }: RowsProps & SortProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: BEYOND,
    scrollMargin: HEAD_PX,
    scrollPaddingStart: HEAD_PX,
  });
  const shown = virtual.getVirtualItems().flatMap(({ index, start }) => {
    const asset = rows[index];
    return asset ? [{ asset, index, topPx: start - HEAD_PX }] : [];
  });
  const end = shown.at(-1)?.index ?? 0;
  useEffect(() => {
    if (end >= rows.length - NEAR_END) onEnd();
  }, [end, rows.length, onEnd]);
  const at = useListKeys(rows, selection, (place) => virtual.scrollToIndex(place, { align: 'auto' }));
  const linkTo = useVideoLinks();
  const [menu, openMenu] = useActionsMenu();
  const pictured = usePictured(shown.map(({ asset }) => asset.id));
  const shared = { linkTo, openMenu, nowMs: useNow(), isWide: useWide(), onToggle: selection.toggle };
  return (
    <div ref={scroller} className="min-h-0 flex-1 overflow-y-auto">
      <table aria-label={label} aria-rowcount={rows.length + 1} className="block w-full text-left">
        <Head sort={sort} onSort={onSort} selection={selection} total={rows.length} isWide={shared.isWide} />
        <tbody className="relative block" style={{ height: virtual.getTotalSize() }}>
          {shown.map(({ asset, index, topPx }) => (
            <Row
              key={asset.id}
              {...shared}
              asset={asset}
              place={index}
              topPx={topPx}
              isCurrent={index === at}
              isChosen={selection.has(asset.id)}
              isPictured={pictured.has(asset.id)}
              menu={menu?.id === asset.id ? menu : null}
            />
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface SortProps {
  sort: Sort;
  onSort: (sort: Sort) => void;
}

interface HeadProps extends SortProps {
  selection: Selection;
  total: number;
  isWide: boolean;
}

function Head({ sort, onSort, selection, total, isWide }: HeadProps) {
  const { chosen, all, clear } = selection;
  return (
    <thead className="sticky top-0 z-10 block bg-background text-[13px] text-muted-foreground">
      <tr aria-rowindex={1} className={cn(COLUMNS, 'h-9 border-y [&>th]:font-medium')}>
        <th scope="col" className="pl-4 md:pl-8">
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
        <th scope="col">Status</th>
        {isWide && (
          <>
            <SortHead label="Length" up="duration" down="-duration" sort={sort} onSort={onSort} />
            <SortHead label="Created" up="created" down="-created" sort={sort} onSort={onSort} />
          </>
        )}
        <th scope="col">
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
}

function SortHead({ label, up, down, sort, onSort }: SortHeadProps) {
  const direction = sort === up ? 'ascending' : sort === down ? 'descending' : 'none';
  const Arrow = direction === 'ascending' ? ArrowUp : ArrowDown;
  return (
    <th scope="col" aria-sort={direction}>
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
  topPx: number;
  nowMs: number;
  isWide: boolean;
  isCurrent: boolean;
  isChosen: boolean;
  isPictured: boolean;
  onToggle: Selection['toggle'];
  menu: OpenMenu<{ asset: Asset }> | null;
  openMenu: ReturnType<typeof useActionsMenu>[1];
}

const Row = memo(function Row({ asset, linkTo, place, topPx, nowMs, isWide, ...row }: RowProps) {
  const title = titleOf(asset);
  return (
    <tr
      aria-rowindex={place + 2}
      data-current={row.isCurrent || undefined}
      className={cn(ROW, row.isChosen ? 'bg-primary-soft' : 'hover:bg-sunken data-current:bg-sunken')}
      style={{ top: topPx, height: ROW_PX }}
    >
      <td className="pl-4 md:pl-8">
        <Checkbox
          className="block"
          aria-label={`Choose ${title}`}
          checked={row.isChosen}
          onChange={() => undefined}
          onClick={(event) => row.onToggle(asset.id, event.shiftKey)}
        />
      </td>
      <td className="pr-3 md:pr-6">
        <a {...linkTo(asset.id)} className="flex min-w-0 items-center gap-3 rounded-md font-medium no-underline">
          <Picture asset={asset} fetched={row.isPictured} className="w-20 shrink-0 max-md:w-16" />
          {isWide ? (
            <span className="truncate" dir="auto">
              {title}
            </span>
          ) : (
            <span className="grid min-w-0">
              <span className="line-clamp-2 [overflow-wrap:anywhere]" dir="auto">
                {title}
              </span>
              <span className="truncate font-normal text-[13px] text-muted-foreground">
                {clock(asset.duration_ms)} · <AgoAt time={asset.created_at} nowMs={nowMs} />
              </span>
            </span>
          )}
        </a>
      </td>
      <td className="pr-3">
        <Status asset={asset} />
      </td>
      {isWide && (
        <>
          <td className="text-muted-foreground tabular-nums">{clock(asset.duration_ms)}</td>
          <td className="text-muted-foreground">
            <AgoAt time={asset.created_at} nowMs={nowMs} />
          </td>
        </>
      )}
      <td className="pr-2 text-right md:pr-8">
        <ActionsMenu asset={asset} menu={row.menu} open={row.openMenu} />
      </td>
    </tr>
  );
});
