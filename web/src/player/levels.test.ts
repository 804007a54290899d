import { describe, expect, it } from 'vitest';
import { allowedLevels, clampLevel, trackLabel, trackOfUrl } from './levels';

const LADDER = ['h264-480', 'h264-720', 'h264-1080'];

describe('trackOfUrl', () => {
  it('is the folder of the playlist, whatever stands around it', () => {
    expect(trackOfUrl('/stream/abc/h264-480/index.m3u8')).toBe('h264-480');
    expect(trackOfUrl('https://video.example/stream/abc/audio-0/index.m3u8?token=a/b#c')).toBe('audio-0');
    expect(trackOfUrl('')).toBe('');
  });
});

describe('allowedLevels', () => {
  it('is everything when everything is ready', () => {
    expect(allowedLevels(LADDER, null)).toEqual([0, 1, 2]);
  });

  it('is only what is ready, be it the lowest, the top or both', () => {
    expect(allowedLevels(LADDER, new Set(['h264-480', 'audio-0']))).toEqual([0]);
    expect(allowedLevels(LADDER, new Set(['h264-1080']))).toEqual([2]);
    expect(allowedLevels(LADDER, new Set(['h264-1080', 'h264-480']))).toEqual([0, 2]);
    expect(allowedLevels(LADDER, new Set(['audio-0']))).toEqual([]);
  });
});

describe('clampLevel', () => {
  it('never answers a level that is not allowed', () => {
    for (const allowed of [[0], [1], [2], [0, 2], [1, 2], [0, 1, 2]]) {
      for (const wanted of [0, 1, 2, 7]) expect(allowed).toContain(clampLevel(wanted, allowed));
    }
  });

  it('takes the nearest below, and the lowest where nothing is below', () => {
    expect(clampLevel(1, [0, 2])).toBe(0);
    expect(clampLevel(2, [0, 2])).toBe(2);
    expect(clampLevel(0, [2])).toBe(2);
  });

  it('leaves "automatic" and an empty ladder alone', () => {
    expect(clampLevel(-1, [2])).toBe(-1);
    expect(clampLevel(1, [])).toBe(1);
  });
});

describe('trackLabel', () => {
  it('is the height, and the codec only where there are several', () => {
    expect(trackLabel('h264-1080', 816, false)).toBe('1080p');
    expect(trackLabel('av1-720', 720, true)).toBe('720p AV1');
    expect(trackLabel('other', 360, true)).toBe('360p');
  });
});
