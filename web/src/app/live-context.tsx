import { useQueryClient } from '@tanstack/react-query';
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from 'react';
import { Fresh } from './fresh';
import { type Connection, Live, type LiveEvent } from './live';
import { organizationHeader } from './organization';
import { useMay } from './session';
import { Tail } from './tail';

interface LiveState {
  fresh: Fresh | null;
  connection: Connection;
  tail: Tail;
}

const Context = createContext<LiveState>({ fresh: null, connection: 'connecting', tail: new Tail() });

/** Follows the organization's events for everything below, where one may hear of them. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const queries = useQueryClient();
  const may = useMay('events:read');
  const [connection, setConnection] = useState<Connection>('connecting');
  const fresh = useMemo(() => new Fresh(queries), [queries]);
  const tail = useMemo(() => new Tail(), []);
  useEffect(() => {
    if (!may) return;
    const live = new Live({
      path: '/api/v1/events/stream',
      headers: organizationHeader,
      onEvent: fresh.take,
      onSeq: tail.take,
      onGap: fresh.all,
      onConnection: (now) => {
        setConnection(now);
        if (now === 'open') fresh.again();
      },
    });
    return () => live.close();
  }, [fresh, tail, may]);
  const state = useMemo(() => ({ fresh, connection, tail }), [fresh, connection, tail]);
  return <Context.Provider value={state}>{children}</Context.Provider>;
}

/** Whether the server tells what happens, at the moment. */
export function useConnection(): Connection {
  return useContext(Context).connection;
}

/** Hears every event while the component is there. `watcher` should keep its identity. */
export function useEvents(watcher: (event: LiveEvent) => void): void {
  const { fresh } = useContext(Context);
  useEffect(() => fresh?.watch(watcher), [fresh, watcher]);
}

/** Every event as the API tells it, and how far the stream is. */
export function useTail(): Tail {
  return useContext(Context).tail;
}
