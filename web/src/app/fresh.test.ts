import { QueryClient, QueryObserver } from '@tanstack/react-query';
import { expect, test, vi } from 'vitest';
import { Fresh } from './fresh';

const event = (type: string) => ({ type, subjectId: 'x_1', data: {} });

function setUp() {
  vi.useFakeTimers();
  const queries = new QueryClient();
  const paths = ['/api/v1/jobs', '/api/v1/jobs/{job_id}', '/api/v1/nodes', '/api/v1/assets', '/api/v1/keys'];
  for (const path of paths) queries.setQueryData(['get', path, {}], {});
  const old = () =>
    queries
      .getQueryCache()
      .getAll()
      .filter(({ state }) => state.isInvalidated)
      .map(({ queryKey }) => queryKey[1]);
  return { queries, fresh: new Fresh(queries), old };
}

test('an event makes old what it may have changed, and nothing else', () => {
  const { fresh, old } = setUp();
  fresh.take(event('task.running'));
  expect(old()).toEqual([]);
  vi.advanceTimersByTime(1_000);
  expect(old()).toEqual(['/api/v1/jobs/{job_id}', '/api/v1/nodes']);
});

test('what a job makes is listed anew while it works, and a list of videos when one of them changes', () => {
  const { queries, fresh, old } = setUp();
  const [outputs, one] = ['/api/v1/assets/{asset_id}/outputs', '/api/v1/assets/{asset_id}'];
  for (const path of [outputs, one]) queries.setQueryData(['get', path, {}], {});
  fresh.take(event('asset.playable'));
  vi.advanceTimersByTime(1_000);
  expect(old()).toEqual(['/api/v1/assets']);
  fresh.take(event('task.done'));
  vi.advanceTimersByTime(1_000);
  expect(old()).toContain(outputs);
  expect(old()).not.toContain(one);
});

test('what a page follows by itself is old when something happened while nobody looked at it', () => {
  const { queries, fresh, old } = setUp();
  const list = {
    queryKey: ['videos', 'list'],
    queryFn: () => [],
    meta: { follows: 'asset.' },
    initialData: [],
    staleTime: 60_000,
  };
  const look = () => new QueryObserver(queries, list).subscribe(() => undefined);
  const away = look();
  fresh.take(event('asset.renamed'));
  expect(old()).toEqual([]);
  away();
  fresh.take(event('job.done'));
  expect(old()).toEqual([]);
  fresh.take(event('asset.renamed'));
  expect(old()).toEqual(['list']);
});

test('the events of a moment are answered together', () => {
  const { fresh, queries } = setUp();
  const asked = vi.spyOn(queries, 'invalidateQueries');
  for (let number = 0; number < 100; number += 1) fresh.take(event('task.done'));
  vi.advanceTimersByTime(1_000);
  expect(asked).toHaveBeenCalledTimes(1);
});

test('who watches hears every event until they stop', () => {
  const { fresh } = setUp();
  const heard: string[] = [];
  const stop = fresh.watch(({ type }) => heard.push(type));
  fresh.take(event('asset.ready'));
  stop();
  fresh.take(event('asset.deleted'));
  expect(heard).toEqual(['asset.ready']);
});

test('what is on its way when a stream begins is not begun again, and is old when it came', async () => {
  const { queries, fresh } = setUp();
  const answers: ((answer: unknown) => void)[] = [];
  const fetched = vi.fn(() => new Promise((resolve) => answers.push(resolve)));
  void queries.fetchQuery({ queryKey: ['get', '/api/v1/caller'], queryFn: fetched });
  const asked = vi.spyOn(queries, 'invalidateQueries');
  fresh.all();
  expect(asked).not.toHaveBeenCalled();
  for (const answer of answers) answer({});
  await vi.advanceTimersByTimeAsync(1_000);
  expect(asked).toHaveBeenCalledTimes(1);
  expect(fetched).toHaveBeenCalledTimes(1);
  fresh.all();
  expect(asked).toHaveBeenCalledTimes(2);
});

test('while there is no end of events, what they make old is asked for once a second', () => {
  const { fresh, queries } = setUp();
  const asked = vi.spyOn(queries, 'invalidateQueries');
  for (let passed = 0; passed < 3_000; passed += 100) {
    fresh.take(event('task.running'));
    vi.advanceTimersByTime(100);
  }
  expect(asked).toHaveBeenCalledTimes(3);
});

test('what could not be had is asked for again when the server is there, and what was refused is not', async () => {
  const { fresh, queries } = setUp();
  const refuse = (status: number) => vi.fn(() => Promise.reject({ status, code: 'some', detail: 'Why.' }));
  const [away, gone] = [refuse(503), refuse(404)];
  const stops = [away, gone].map((queryFn, place) =>
    new QueryObserver(queries, { queryKey: ['get', `/${place}`], queryFn, retry: false }).subscribe(() => undefined),
  );
  await vi.advanceTimersByTimeAsync(10);
  fresh.again();
  await vi.advanceTimersByTimeAsync(10);
  expect([away.mock.calls.length, gone.mock.calls.length]).toEqual([2, 1]);
  for (const stop of stops) stop();
});
