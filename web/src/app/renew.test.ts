import { QueryClient, QueryObserver } from '@tanstack/react-query';
import { expect, test, vi } from 'vitest';
import { renew } from './renew';

/** A query that somebody looks at, whose answers the test gives. */
function setUp() {
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  const answers: ((answer: string) => void)[] = [];
  const queryFn = vi.fn(() => new Promise<string>((resolve) => answers.push(resolve)));
  const queryKey = ['get', '/api/v1/assets'];
  const stop = new QueryObserver(queries, { queryKey, queryFn, staleTime: 60_000 }).subscribe(() => undefined);
  const shown = () => queries.getQueryData(queryKey);
  return { queries, queryKey, queryFn, answers, shown, stop };
}

test('a first answer that was read before an event is asked for again once it came', async () => {
  const { queries, queryKey, queryFn, answers, shown, stop } = setUp();
  await vi.waitFor(() => expect(answers).toHaveLength(1));
  renew(queries, { queryKey });
  expect(queryFn).toHaveBeenCalledTimes(1);
  answers[0]?.('before');
  await vi.waitFor(() => expect(answers).toHaveLength(2));
  answers[1]?.('after');
  await vi.waitFor(() => expect(shown()).toBe('after'));
  stop();
});

test('a later answer that is on its way is given up for a new one', async () => {
  const { queries, queryKey, answers, shown, stop } = setUp();
  await vi.waitFor(() => expect(answers).toHaveLength(1));
  answers[0]?.('first');
  await vi.waitFor(() => expect(shown()).toBe('first'));
  renew(queries, { queryKey });
  await vi.waitFor(() => expect(answers).toHaveLength(2));
  renew(queries, { queryKey });
  await vi.waitFor(() => expect(answers).toHaveLength(3));
  answers[2]?.('third');
  answers[1]?.('second');
  await vi.waitFor(() => expect(shown()).toBe('third'));
  stop();
});
