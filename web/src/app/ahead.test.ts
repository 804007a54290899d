import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { fetchAhead } from './ahead';

const AFTER_MS = 4_000;

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.restoreAllMocks());

const there = () => vi.fn(async () => undefined);

test('pages are fetched when the first one has been there for a while, one after the other', async () => {
  const [first, second] = [there(), there()];
  fetchAhead([first, second]);
  await vi.advanceTimersByTimeAsync(AFTER_MS - 1);
  expect(first).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(5_000);
  expect(first).toHaveBeenCalledTimes(1);
  expect(second).toHaveBeenCalledTimes(1);
});

test.each([{ saveData: true }, { effectiveType: 'slow-2g' }])(
  'who has %o is sent nothing ahead',
  async (connection) => {
    vi.stubGlobal('navigator', { connection });
    const page = there();
    fetchAhead([page]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(page).not.toHaveBeenCalled();
  },
);

test('after a connection was lost it goes on when that is back', async () => {
  const page = vi
    .fn<() => Promise<undefined>>()
    .mockRejectedValueOnce(new TypeError('lost'))
    .mockResolvedValue(undefined);
  fetchAhead([page]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(page).toHaveBeenCalledTimes(1);
  window.dispatchEvent(new Event('online'));
  await vi.advanceTimersByTimeAsync(5_000);
  expect(page).toHaveBeenCalledTimes(2);
});
