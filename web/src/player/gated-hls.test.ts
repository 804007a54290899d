import { afterEach, describe, expect, it } from 'vitest';
import { GatedHls } from './gated-hls';

// What hls.js knows of levels before anything was loaded is enough to see which of them the gate lets through.
function gatedHls(tracks: string[], ready: ReadonlySet<string> | null): GatedHls {
  const hls = new GatedHls({ autoStartLoad: false, enableWorker: false });
  const levels = tracks.map((track, index) => ({
    uri: `/stream/abc/${track}/index.m3u8`,
    maxBitrate: (index + 1) * 1_000_000,
    bitrate: (index + 1) * 1_000_000,
    averageBitrate: (index + 1) * 1_000_000,
    loadError: 0,
    fragmentError: 0,
    frameRate: 30,
    attrs: {},
    details: { live: false, fragments: [], averagetargetduration: 4 },
  }));
  Object.defineProperty(hls, 'levels', { value: levels });
  hls.setReadyTracks(ready);
  return hls;
}

const LADDER = ['h264-480', 'h264-720', 'h264-1080'];
let hls: GatedHls;

afterEach(() => hls.destroy());

describe('GatedHls', () => {
  it('keeps automatic choice at the only ready rung, also when it is the top one', () => {
    for (const [index, track] of LADDER.entries()) {
      hls = gatedHls(LADDER, new Set([track]));
      expect([hls.minAutoLevel, hls.maxAutoLevel, hls.nextAutoLevel]).toEqual([index, index, index]);
    }
  });

  it('keeps the cap by player size from pointing below what is ready', () => {
    hls = gatedHls(LADDER, new Set(['h264-1080']));
    hls.autoLevelCapping = 0;
    expect(hls.maxAutoLevel).toBe(2);
  });

  it('turns a wrong pick of any kind into a ready one', () => {
    hls = gatedHls(LADDER, new Set(['h264-720']));
    for (const wanted of [0, 1, 2]) {
      hls.nextAutoLevel = wanted;
      expect(hls.nextAutoLevel).toBe(1);
      hls.loadLevel = wanted;
      expect(hls.nextLoadLevel).toBe(1);
    }
  });

  it('lets everything through once it is open', () => {
    hls = gatedHls(LADDER, new Set(['h264-480']));
    expect(hls.allowedLevels).toEqual([0]);
    hls.setReadyTracks(null);
    expect(hls.allowedLevels).toEqual([0, 1, 2]);
    expect([hls.minAutoLevel, hls.maxAutoLevel]).toEqual([0, 2]);
  });
});
