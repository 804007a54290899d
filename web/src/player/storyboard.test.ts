import { describe, expect, it } from 'vitest';
import { parseStoryboardJson, parseStoryboardVtt } from './storyboard';

const BASE = 'https://v.example/image/abc/storyboard.vtt';

describe('parseStoryboardVtt', () => {
  it('reads times, sheets and regions', () => {
    const text = [
      'WEBVTT',
      '',
      '00:00:00.000 --> 00:00:04.000',
      'storyboard-0.jpg#xywh=0,0,160,90',
      '',
      'second',
      '59:56.000 --> 01:00:00.500',
      '/image/abc/storyboard-1.jpg?token=x#xywh=pixel:160,90,160,90',
    ].join('\r\n');
    expect(parseStoryboardVtt(text, BASE)).toEqual([
      {
        startMs: 0,
        endMs: 4_000,
        url: 'https://v.example/image/abc/storyboard-0.jpg',
        x: 0,
        y: 0,
        width: 160,
        height: 90,
      },
      {
        startMs: 3_596_000,
        endMs: 3_600_500,
        url: 'https://v.example/image/abc/storyboard-1.jpg?token=x',
        x: 160,
        y: 90,
        width: 160,
        height: 90,
      },
    ]);
  });

  it('leaves out cues without a region, notes and noise', () => {
    const text =
      'WEBVTT\n\nNOTE a note\n\n00:00.000 --> 00:01.000\njust words\n\n00:00.000 --> 00:01.000\n\nno cue at all';
    expect(parseStoryboardVtt(text, BASE)).toEqual([]);
    expect(parseStoryboardVtt('', BASE)).toEqual([]);
  });
});

describe('parseStoryboardJson', () => {
  it('reads what the platform writes', () => {
    const board = {
      tile_width: 160,
      tile_height: 90,
      interval_ms: 5_000,
      duration_ms: 7_000,
      columns: 1,
      rows: 1,
      tiles: [
        { start_ms: 0, x: 0, y: 0, sheet: 'storyboard-0.jpg' },
        { start_ms: 5_000, x: 160, y: 90, sheet: 'storyboard-1.jpg' },
      ],
    };
    const size = { width: 160, height: 90 };
    expect(parseStoryboardJson(JSON.stringify(board), BASE)).toEqual([
      { startMs: 0, endMs: 5_000, url: 'https://v.example/image/abc/storyboard-0.jpg', x: 0, y: 0, ...size },
      { startMs: 5_000, endMs: 7_000, url: 'https://v.example/image/abc/storyboard-1.jpg', x: 160, y: 90, ...size },
    ]);
  });
});
