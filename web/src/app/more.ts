import { sayProblem } from './messages';

/** Fetches what follows in a list. That it can't be had is said in passing: what is there stays. */
export function fetchMore(list: { fetchNextPage: () => Promise<{ error: unknown }> }): void {
  void list.fetchNextPage().then(({ error }) => {
    if (error) sayProblem(error);
  });
}
