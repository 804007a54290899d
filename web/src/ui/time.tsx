import { useEffect, useState } from 'react';
import { ago, date } from '../app/words';

const TICK_MS = 30_000;

/** How long ago something was; the whole date stands in the title. It goes on by itself. */
export function Ago({ time }: { time: string }) {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = window.setInterval(() => tick((ticks) => ticks + 1), TICK_MS);
    return () => window.clearInterval(timer);
  }, []);
  return (
    <time dateTime={time} title={date(time)} className="whitespace-nowrap">
      {ago(time)}
    </time>
  );
}
