import type { Query, QueryClient, QueryFilters } from '@tanstack/react-query';

/** Waits until nothing of a query is on its way. */
export function settled(queries: QueryClient, query: Query): Promise<void> {
  return new Promise((resolve) => {
    const isBusy = () => query.state.fetchStatus === 'fetching';
    if (!isBusy()) {
      resolve();
      return;
    }
    const stop = queries.getQueryCache().subscribe(({ query: other, type }) => {
      if (other !== query || (isBusy() && type !== 'removed')) return;
      stop();
      resolve();
    });
  });
}

/**
 * Asks anew for what something has made old. An answer that is on its way for the first time may have been read before
 * that, and is not asked for a second time meanwhile: so it is once it came.
 */
export function renew(queries: QueryClient, which: QueryFilters): void {
  const coming = queries.getQueryCache().findAll({ ...which, fetchStatus: 'fetching' });
  for (const query of coming.filter(({ state }) => state.data === undefined)) {
    const { queryKey } = query;
    void settled(queries, query).then(() => queries.invalidateQueries({ queryKey, exact: true }));
  }
  void queries.invalidateQueries(which);
}
