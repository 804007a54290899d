import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { AssetState } from './asset-state';
import { Feed, type Problem } from './feed';

class FakeSource extends EventTarget {
  static readonly CLOSED = 2;
  static opened: FakeSource[] = [];
  readyState = 1;
  constructor(readonly url: string) {
    super();
    FakeSource.opened.push(this);
  }
  close(): void {
    this.readyState = 2;
  }
}

const state = (title: string) => ({ title }) as AssetState;
const seen: string[] = [];
const events = {
  onState: (next: AssetState) => seen.push(next.title),
  onMissing: () => seen.push('missing'),
  onLocked: (problem: Problem) => seen.push(`locked: ${problem.code}`),
  onConnection: () => undefined,
};
let feed: Feed;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('EventSource', FakeSource);
  FakeSource.opened = [];
  seen.length = 0;
});

afterEach(() => {
  feed.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function answer(status: number, body: unknown): ReturnType<typeof vi.fn> {
  const fetching = vi.fn(async () => new Response(JSON.stringify(body), { status }));
  vi.stubGlobal('fetch', fetching);
  return fetching;
}

describe('Feed', () => {
  it('tells what is, and then what becomes', async () => {
    answer(200, state('now'));
    feed = new Feed('/watch/abc', events);
    await vi.advanceTimersByTimeAsync(0);
    FakeSource.opened[0]?.dispatchEvent(new MessageEvent('state', { data: JSON.stringify(state('later')) }));
    expect(seen).toEqual(['now', 'later']);
    expect(FakeSource.opened[0]?.url).toBe('/watch/abc/events');
  });

  it('drops an answer that an event overtook', async () => {
    answer(200, state('old'));
    feed = new Feed('/watch/abc', events);
    FakeSource.opened[0]?.dispatchEvent(new MessageEvent('state', { data: JSON.stringify(state('new')) }));
    await vi.advanceTimersByTimeAsync(0);
    expect(seen).toEqual(['new']);
  });

  it('says once that there is nothing, and rests', async () => {
    const fetching = answer(404, {});
    feed = new Feed('/watch/abc', events);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(seen).toEqual(['missing']);
    expect(fetching).toHaveBeenCalledTimes(1);
  });

  it('says why it may not be seen, and rests', async () => {
    const fetching = answer(403, { code: 'password_needed', detail: 'This video has a password.' });
    feed = new Feed('/watch/abc', events);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(seen).toEqual(['locked: password_needed']);
    expect(fetching).toHaveBeenCalledTimes(1);
  });

  it('follows what has come to rest while the page is seen', async () => {
    const fetching = answer(200, state('now'));
    feed = new Feed('/watch/abc', events);
    await vi.advanceTimersByTimeAsync(0);
    const visibility = vi.spyOn(document, 'visibilityState', 'get').mockReturnValue('hidden');
    document.dispatchEvent(new Event('visibilitychange'));
    expect(FakeSource.opened[0]?.readyState).toBe(1);
    feed.rest();
    expect(FakeSource.opened[0]?.readyState).toBe(FakeSource.CLOSED);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(fetching).toHaveBeenCalledTimes(1);
    answer(200, state('later'));
    visibility.mockReturnValue('visible');
    document.dispatchEvent(new Event('visibilitychange'));
    await vi.advanceTimersByTimeAsync(0);
    expect(seen).toEqual(['now', 'later']);
    expect(FakeSource.opened).toHaveLength(2);
    visibility.mockRestore();
  });

  it('asks again when the stream is gone for good, ever more rarely', async () => {
    const fetching = answer(503, {});
    feed = new Feed('/watch/abc', events);
    await vi.advanceTimersByTimeAsync(3_500);
    expect(fetching).toHaveBeenCalledTimes(3);
    answer(200, state('back'));
    await vi.advanceTimersByTimeAsync(8_000);
    expect(seen).toEqual(['back']);
  });
});
