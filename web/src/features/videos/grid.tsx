import { useVirtualizer } from '@tanstack/react-virtual';
import { memo, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { clock } from '../../app/words';
import { cn } from '../../ui/cn';
import { Checkbox } from '../../ui/field';
import { Ago } from '../../ui/time';
import { ActionsMenu } from './actions-menu';
import { type Asset, titleOf } from './asset';
import { useVideoLinks } from './links';
import { Picture } from './picture';
import type { Selection } from './selection';
import { Status } from './status';
import type { RowsProps } from './video-table';

const NARROWEST_PX = 220;
const GAP_PX = 16;
const TEXT_PX = 68;
const NEAR_END = 4;

/** Thousands of videos as pictures, of which those exist that can be seen. */
export function VideoGrid({ rows, label, selection, onEnd }: RowsProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLUListElement>(null);
  const widthPx = useWidth(list);
  const columns = Math.max(1, Math.floor((widthPx + GAP_PX) / (NARROWEST_PX + GAP_PX)));
  const cardPx = (widthPx - GAP_PX * (columns - 1)) / columns;
  const lines = Math.ceil(rows.length / columns);
  const linePx = (cardPx * 9) / 16 + TEXT_PX + GAP_PX;
  const virtual = useVirtualizer({
    count: lines,
    getScrollElement: () => scroller.current,
    estimateSize: () => linePx,
    overscan: 3,
  });
  useEffect(() => {
    if (linePx > 0) virtual.measure();
  }, [linePx, virtual]);
  const linkTo = useVideoLinks();
  const shown = virtual.getVirtualItems();
  const end = shown.at(-1)?.index ?? 0;
  useEffect(() => {
    if (end >= lines - NEAR_END) onEnd();
  }, [end, lines, onEnd]);
  const cards = shown.flatMap(({ index, start }) =>
    rows.slice(index * columns, (index + 1) * columns).map((asset, column) => ({ asset, column, start })),
  );
  return (
    <div ref={scroller} className="min-h-0 flex-1 overflow-y-auto px-4 pb-6 md:px-8">
      <ul ref={list} aria-label={label} className="relative" style={{ height: virtual.getTotalSize() }}>
        {cards.map(({ asset, column, start }) => (
          <li
            key={asset.id}
            className="absolute top-0 left-0 contain-layout contain-style"
            style={{ width: cardPx, transform: `translate(${column * (cardPx + GAP_PX)}px, ${start}px)` }}
          >
            <VideoCard asset={asset} linkTo={linkTo} isChosen={selection.has(asset.id)} onToggle={selection.toggle} />
          </li>
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
  isChosen: boolean;
  onToggle: Selection['toggle'];
}

const VideoCard = memo(function VideoCard({ asset, linkTo, isChosen, onToggle }: CardProps) {
  const title = titleOf(asset);
  return (
    <article
      className={cn('group relative grid gap-2 rounded-lg', isChosen && 'outline-2 outline-primary outline-offset-4')}
    >
      <a {...linkTo(asset.id)} className="grid gap-2 rounded-lg font-medium no-underline">
        <span className="relative overflow-hidden rounded-lg">
          <Picture asset={asset} />
          {asset.duration_ms !== null && (
            <span className="absolute right-2 bottom-2 rounded bg-black/75 px-1.5 py-0.5 font-normal text-[12px] text-white tabular-nums">
              {clock(asset.duration_ms)}
            </span>
          )}
        </span>
        <span className="truncate pr-8" dir="auto">
          {title}
        </span>
      </a>
      <div className="flex items-center gap-2 text-[13px] text-muted-foreground">
        <Status asset={asset} />
        <Ago time={asset.created_at} />
      </div>
      <Checkbox
        large
        aria-label={`Choose ${title}`}
        checked={isChosen}
        onChange={() => undefined}
        onClick={(event) => onToggle(asset.id, event.shiftKey)}
        className={cn('absolute top-2 left-2', !isChosen && 'opacity-0 focus:opacity-100 group-hover:opacity-100')}
      />
      <ActionsMenu asset={asset} className="absolute right-0 bottom-5" />
    </article>
  );
});
