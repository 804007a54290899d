import { useSyncExternalStore } from 'react';
import { ago, date } from '../app/words';

const TICK_MS = 30_000;

const listeners = new Set<() => void>();
let timer = 0;

/** One clock for all that is shown: a list that is scrolled begins and ends none. */
function follow(listener: () => void): () => void {
  if (listeners.size === 0) {
    timer = window.setInterval(() => {
      for (const one of listeners) one();
    }, TICK_MS);
  }
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) window.clearInterval(timer);
  };
}

/** The time, to half a minute, as it goes on. A long list follows it once, for all of its rows. */
export function useNow(): number {
  return useSyncExternalStore(follow, () => Math.floor(Date.now() / TICK_MS) * TICK_MS);
}

/** How long ago something was; the whole date stands in the title. It goes on by itself. */
export function Ago({ time }: { time: string }) {
  return <AgoAt time={time} nowMs={useNow()} />;
}

/** The same, by a clock that somebody else follows. */
export function AgoAt({ time, nowMs }: { time: string; nowMs: number }) {
  return (
    <time dateTime={time} title={date(time)} className="whitespace-nowrap">
      {ago(time, nowMs)}
    </time>
  );
}
