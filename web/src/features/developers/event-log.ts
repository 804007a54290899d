import { useEffect, useState } from 'react';
import { http } from '../../api/client';
import { told } from '../../api/problem';
import { useTail } from '../../app/live-context';
import type { Told } from '../../app/tail';

const KEPT = 500;

interface EventLog {
  /** Newest first, each once; null before the first are known. */
  events: readonly Told[] | null;
  error: unknown;
}

/** The last events of the organization, and each that comes. */
export function useEventLog(): EventLog {
  const tail = useTail();
  const [log, setLog] = useState<EventLog>({ events: null, error: null });
  useEffect(() => {
    let state: 'new' | 'begun' | 'gone' = 'new';
    const add = (events: readonly Told[]) =>
      setLog((before) => ({ events: joined(before.events ?? [], events), error: null }));
    const begin = async () => {
      if (state !== 'new' || tail.seq === 0) return; // before the stream begins nobody knows which are the last
      state = 'begun';
      try {
        const found = await lastBefore(tail.seq);
        if (state === 'begun') add(found);
      } catch (error) {
        if (state === 'begun') setLog((before) => ({ ...before, error }));
      }
    };
    const stop = tail.listen((event) => {
      void begin();
      if (event) add([event]);
    });
    void begin();
    return () => {
      state = 'gone';
      stop();
    };
  }, [tail]);
  return log;
}

/** Some events up to this number. Numbers are the installation's: of an organization's own there may be fewer. */
async function lastBefore(seq: number): Promise<Told[]> {
  const ask = (cursor: number) =>
    http.GET('/api/v1/events', {
      params: { query: { limit: KEPT, ...(cursor > 0 ? { cursor: `${cursor}` } : {}) } },
    });
  const first = await ask(seq - KEPT);
  const { data, error } = first.error && told(first.error).code === 'events_expired' ? await ask(0) : first;
  if (!data) throw error;
  return data.items;
}

/** Both without doubles, newest first, and no more than are kept. */
export function joined(before: readonly Told[], more: readonly Told[]): Told[] {
  const bySeq = new Map([...before, ...more].map((event) => [event.seq, event]));
  return [...bySeq.values()].sort((one, other) => other.seq - one.seq).slice(0, KEPT);
}

/** Whether a type is one that a pattern names: itself, all of a subject (`asset.*`), or everything. */
export function isNamed(type: string, pattern: string): boolean {
  return pattern === '' || (pattern.endsWith('*') ? type.startsWith(pattern.slice(0, -1)) : type === pattern);
}
