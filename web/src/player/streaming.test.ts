import { describe, expect, it, vi } from 'vitest';
import { worthRetrying } from './load-policy';
import { withoutPlanned } from './native-engine';
import { forgiveHold } from './patient-abr';
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

describe('forgiveHold', () => {
  it('keeps the network’s own delay, and drops what the server took', () => {
    const held = { start: 1_000, first: 4_000 };
    forgiveHold(held);
    expect(held.start).toBe(3_700);
    const quick = { start: 1_000, first: 1_120 };
    forgiveHold(quick);
    expect(quick.start).toBe(1_000);
  });

  it('leaves a transfer without a first byte alone', () => {
    const none = { start: 1_000, first: 0 };
    forgiveHold(none);
    expect(none.start).toBe(1_000);
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
