import { useQueryClient } from '@tanstack/react-query';
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from 'react';
import { Fresh } from './fresh';
import { type Connection, Live, type LiveEvent } from './live';
import { organizationHeader } from './organization';

interface LiveState {
  fresh: Fresh | null;
  connection: Connection;
}

const Context = createContext<LiveState>({ fresh: null, connection: 'connecting' });

/** Follows the organization's events for everything below. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const queries = useQueryClient();
  const [connection, setConnection] = useState<Connection>('connecting');
  const fresh = useMemo(() => new Fresh(queries), [queries]);
  useEffect(() => {
    const live = new Live({
      path: '/api/v1/events/stream',
      headers: organizationHeader,
      onEvent: fresh.take,
      onGap: fresh.all,
      onConnection: setConnection,
    });
    return () => live.close();
  }, [fresh]);
  const state = useMemo(() => ({ fresh, connection }), [fresh, connection]);
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
