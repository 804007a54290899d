import { useVirtualizer } from '@tanstack/react-virtual';
import { memo, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { clock } from '../../app/words';
import { cn } from '../../ui/cn';
import { Checkbox } from '../../ui/field';
import type { OpenMenu } from '../../ui/menu-button';
import { AgoAt, useNow } from '../../ui/time';
import { ActionsMenu, useActionsMenu } from './actions-menu';
import { type Asset, titleOf } from './asset';
import { useVideoLinks } from './links';
import { useListKeys } from './list-keys';
import { Picture } from './picture';
import { usePictured } from './pictured';
import type { Selection } from './selection';
import { Status } from './status';
import type { RowsProps } from './video-table';

const NARROWEST_PX = 220;
const GAP_PX = 16;
const TEXT_PX = 68;
const NEAR_END = 4;
const BEYOND = 1; // lines that exist above and below those that are seen

/** Thousands of videos as pictures, of which those exist that can be seen. */
export function VideoGrid({ rows, label, selection, onEnd }: RowsProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLUListElement>(null);
  const widthPx = useWidth(list);
  const columns = Math.max(1, Math.floor((widthPx + GAP_PX) / (NARROWEST_PX + GAP_PX)));
  const cardPx = (widthPx - GAP_PX * (columns - 1)) / columns;
  const lines = Math.ceil(rows.length / columns);
  const heightPx = (cardPx * 9) / 16 + TEXT_PX;
  const linePx = heightPx + GAP_PX;
  const virtual = useVirtualizer({
    count: lines,
    getScrollElement: () => scroller.current,
    estimateSize: () => linePx,
    overscan: BEYOND,
  });
  useEffect(() => {
    if (linePx > 0) virtual.measure();
  }, [linePx, virtual]);
  const shown = virtual.getVirtualItems();
  const end = shown.at(-1)?.index ?? 0;
  useEffect(() => {
    if (end >= lines - NEAR_END) onEnd();
  }, [end, lines, onEnd]);
  const cards = shown.flatMap(({ index, start }) =>
    rows.slice(index * columns, (index + 1) * columns).map((asset, column) => ({
      asset,
      place: index * columns + column,
      leftPx: column * (cardPx + GAP_PX),
      topPx: start,
    })),
  );
  const toLine = (place: number) => virtual.scrollToIndex(Math.floor(place / columns), { align: 'auto' });
  const at = useListKeys(rows, selection, toLine);
  const [menu, openMenu] = useActionsMenu();
  const pictured = usePictured(cards.map(({ asset }) => asset.id));
  const shared = { openMenu, heightPx, linkTo: useVideoLinks(), nowMs: useNow(), onToggle: selection.toggle };
  return (
    <div ref={scroller} className="min-h-0 flex-1 overflow-y-auto px-4 pb-6 md:px-8">
      <ul ref={list} aria-label={label} className="relative" style={{ height: virtual.getTotalSize() }}>
        {cards.map(({ asset, place, leftPx, topPx }) => (
          <VideoCard
            key={asset.id}
            {...shared}
            asset={asset}
            widthPx={cardPx}
            leftPx={leftPx}
            topPx={topPx}
            isCurrent={place === at}
            isChosen={selection.has(asset.id)}
            isPictured={pictured.has(asset.id)}
            menu={menu?.id === asset.id ? menu : null}
          />
        ))}
      </ul>
    </div>
  );
}

function useWidth(element: React.RefObject<HTMLElement | null>): number {
  const [widthPx, setWidthPx] = useState(0);
  useLayoutEffect(() => {
    const watched = element.current;
    if (!watched) return;
    const observer = new ResizeObserver(() => setWidthPx(watched.clientWidth));
    observer.observe(watched);
    setWidthPx(watched.clientWidth);
    return () => observer.disconnect();
  }, [element]);
  return widthPx;
}

interface CardProps {
  asset: Asset;
  linkTo: ReturnType<typeof useVideoLinks>;
  nowMs: number;
  widthPx: number;
  heightPx: number;
  leftPx: number;
  topPx: number;
  isCurrent: boolean;
  isChosen: boolean;
  isPictured: boolean;
  onToggle: Selection['toggle'];
  menu: OpenMenu<{ asset: Asset }> | null;
  openMenu: ReturnType<typeof useActionsMenu>[1];
}

const APART = 'absolute contain-layout contain-size contain-style';
const CARD = `group grid grid-cols-1 content-start gap-2 rounded-lg ${APART} data-current:shadow-[inset_0_-3px_var(--vc-accent)]`;
const LENGTH =
  'absolute right-2 bottom-2 rounded bg-black/75 px-1.5 py-0.5 font-normal text-[12px] text-white tabular-nums';

const VideoCard = memo(function VideoCard({ asset, linkTo, nowMs, isChosen, ...card }: CardProps) {
  const title = titleOf(asset);
  return (
    <li
      data-current={card.isCurrent || undefined}
      className={cn(CARD, isChosen && 'outline-2 outline-primary outline-offset-4')}
      style={{ width: card.widthPx, height: card.heightPx, left: card.leftPx, top: card.topPx }}
    >
      <a {...linkTo(asset.id)} className="grid min-w-0 grid-cols-1 gap-2 rounded-lg font-medium no-underline">
        <Picture asset={asset} fetched={card.isPictured}>
          {asset.duration_ms !== null && <span className={LENGTH}>{clock(asset.duration_ms)}</span>}
        </Picture>
        <span className="truncate pr-8" dir="auto">
          {title}
        </span>
      </a>
      <div className="flex items-center gap-2 text-[13px] text-muted-foreground">
        <Status asset={asset} />
        <AgoAt time={asset.created_at} nowMs={nowMs} />
      </div>
      <Checkbox
        large
        aria-label={`Choose ${title}`}
        checked={isChosen}
        onChange={() => undefined}
        onClick={(event) => card.onToggle(asset.id, event.shiftKey)}
        className={cn(
          'absolute top-2 left-2',
          !isChosen && 'opacity-0 focus:opacity-100 group-hover:opacity-100 [@media(hover:none)]:opacity-100',
        )}
      />
      <ActionsMenu asset={asset} menu={card.menu} open={card.openMenu} className="absolute right-0 bottom-8" />
    </li>
  );
});
