import { useSyncExternalStore } from 'react';
import { ago, date } from '../app/words';

const TICK_MS = 30_000;

const listeners = new Set<() => void>();
let ticks = 0;
let timer = 0;

/** One clock for all that is shown: a list that is scrolled begins and ends none. */
function follow(listener: () => void): () => void {
  if (listeners.size === 0) {
    timer = window.setInterval(() => {
      ticks += 1;
      for (const one of listeners) one();
    }, TICK_MS);
  }
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) window.clearInterval(timer);
  };
}

/** How long ago something was; the whole date stands in the title. It goes on by itself. */
export function Ago({ time }: { time: string }) {
  useSyncExternalStore(follow, () => ticks);
  return (
    <time dateTime={time} title={date(time)} className="whitespace-nowrap">
      {ago(time)}
    </time>
  );
}
