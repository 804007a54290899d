import { describe, expect, it, vi } from 'vitest';
import { worthRetrying } from './load-policy';
import { withoutPlanned } from './native-engine';
import { Throughput } from './throughput';
import { AudioChoiceList, type Rendition, RenditionList } from './track-lists';

describe('worthRetrying', () => {
  it('is patient with what a busy or unreachable server says', () => {
    for (const status of [undefined, 0, 404, 429, 500, 502, 503]) expect(worthRetrying(status, 2, 10)).toBe(true);
  });

  it('takes a refusal as final, and ends some time', () => {
    for (const status of [400, 401, 403, 410]) expect(worthRetrying(status, 0, 10)).toBe(false);
    expect(worthRetrying(503, 10, 10)).toBe(false);
  });
});

describe('Throughput', () => {
  it('does not count the time that the server held a request', () => {
    const throughput = new Throughput();
    expect(throughput.bps).toBeNull();
    // A megabyte, asked for at 0 ms, first byte after 3 s, last byte 100 ms later.
    throughput.add(1_000_000, 3_000, 3_100);
    expect(throughput.bps).toBe(80_000_000);
  });

  it('is a median of the last few, and no single one decides', () => {
    const throughput = new Throughput();
    throughput.add(100, 0, 10_000);
    for (let at = 0; at < 5; at++) throughput.add(1_000_000, 0, at === 2 ? 1 : 1_000);
    expect(throughput.bps).toBe(8_000_000);
  });
});

describe('withoutPlanned', () => {
  it('asks for the rungs that are there', () => {
    expect(withoutPlanned('/stream/a.m3u8?planned=1&token=t', 'https://v.example/watch/a')).toBe(
      'https://v.example/stream/a.m3u8?token=t',
    );
  });
});

const rendition = (id: string, level: number): Rendition => ({ id, level, label: id, width: 0, height: 0, bitrate: 0 });

describe('RenditionList', () => {
  it('tells the engine what was chosen, and -1 is automatic', () => {
    const list = new RenditionList();
    const chosen = vi.fn();
    list.onSelect = chosen;
    list.replace([rendition('h264-480', 0), rendition('h264-720', 1)]);
    list.selectedIndex = 1;
    list.selectedIndex = -1;
    expect(chosen.mock.calls.map(([choice]) => choice?.id ?? null)).toEqual(['h264-720', null]);
  });

  it('keeps a choice when more qualities come below it', () => {
    const list = new RenditionList();
    list.replace([rendition('h264-1080', 2)]);
    list.selectedIndex = 0;
    list.replace([rendition('h264-480', 0), rendition('h264-1080', 2)]);
    expect(list[list.selectedIndex]?.id).toBe('h264-1080');
    list.replace([rendition('h264-480', 0)]);
    expect([list.selectedIndex, list.length, [...list].length, list[1]]).toEqual([-1, 1, 1, undefined]);
  });
});

describe('AudioChoiceList', () => {
  it('has one enabled track, and says once which one it became', () => {
    const list = new AudioChoiceList();
    const chosen = vi.fn();
    list.onSelect = chosen;
    const track = (id: string) => ({ id, kind: 'main', label: id, language: '' });
    list.replace([track('0'), track('1')], '0');
    // As Media Chrome does it: every track in turn.
    for (const entry of list) entry.enabled = entry.id === '1';
    expect([...list].map((entry) => entry.enabled)).toEqual([false, true]);
    expect(chosen.mock.calls).toEqual([['1']]);
  });
});
