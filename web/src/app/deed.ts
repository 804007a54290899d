import { useQueryClient } from '@tanstack/react-query';
import { useCallback } from 'react';
import { say, sayProblem } from './messages';

interface Answer<T> {
  data?: T;
  error?: unknown;
}

interface Terms {
  /** What is said when it is done. */
  done?: string;
  /** Takes what went wrong, where it is not to be said in passing. */
  refuse?: (error: unknown) => void;
  /** What is to be asked for anew: the beginnings of paths. */
  touches: readonly string[];
}

/**
 * Does something by one request: what it answered, or null where it was refused, which is then said in the server's
 * words, or taken by `refuse`. What is shown of it is fetched anew in both cases.
 */
export function useDeed(): <T>(request: () => Promise<Answer<T>>, terms: Terms) => Promise<Answer<T> | null> {
  const queries = useQueryClient();
  return useCallback(
    async (request, { done, touches, refuse = sayProblem }) => {
      try {
        const answer = await request();
        if (answer.error) throw answer.error;
        if (done) say(done);
        return answer;
      } catch (error) {
        refuse(error);
        return null;
      } finally {
        void queries.invalidateQueries({
          predicate: ({ queryKey: [, path] }) =>
            typeof path === 'string' && touches.some((old) => path.startsWith(old)),
        });
      }
    },
    [queries],
  );
}
