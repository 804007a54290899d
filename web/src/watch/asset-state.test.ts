import { describe, expect, it } from 'vitest';
import {
  type AssetState,
  chaptersOf,
  coverFor,
  isFinal,
  isPlayable,
  type Known,
  learn,
  readyTracks,
  workInWords,
} from './asset-state';

const PREPARING: AssetState = {
  title: 'A video',
  status: 'preparing',
  error: null,
  duration_ms: 60_000,
  width: 1_920,
  height: 1_080,
  has_video: true,
  has_audio: true,
  stream_url: '/stream/abc.m3u8?planned=1',
  ready_tracks: [],
  complete: false,
  progress: null,
  poster_url: null,
  storyboard_url: null,
  captions: [],
  chapters: [],
};
const PLAYABLE: AssetState = { ...PREPARING, status: 'playable', ready_tracks: ['h264-480', 'audio-0'] };
const READY: AssetState = {
  ...PLAYABLE,
  status: 'ready',
  complete: true,
  ready_tracks: ['h264-480', 'h264-720', 'audio-0'],
  storyboard_url: '/image/abc/storyboard.vtt',
};
const knowing = (state: AssetState): Known => ({ kind: 'state', state });

describe('learn', () => {
  it('takes the first word as it is, and later ones after it', () => {
    expect(learn({ kind: 'nothing' }, PREPARING)).toEqual(knowing(PREPARING));
    expect(learn(knowing(PREPARING), PLAYABLE)).toEqual(knowing(PLAYABLE));
    expect(learn({ kind: 'missing' }, READY)).toEqual(knowing(READY));
  });

  it('does not let an older message take away what plays', () => {
    expect(learn(knowing(PLAYABLE), PREPARING)).toEqual(knowing(PLAYABLE));
    expect(learn(knowing(READY), PLAYABLE)).toEqual(knowing(READY));
  });

  it('keeps a track that was ready', () => {
    const next = learn(knowing(PLAYABLE), { ...PLAYABLE, ready_tracks: ['h264-720'] });
    expect(next.kind === 'state' && next.state.ready_tracks).toEqual(['h264-480', 'audio-0', 'h264-720']);
  });

  it('believes a failure, and a new try after it', () => {
    const errored: AssetState = { ...PREPARING, status: 'errored', error: { code: 'x', detail: 'y' } };
    expect(learn(knowing(PLAYABLE), errored)).toMatchObject({ state: { status: 'errored' } });
    expect(learn(knowing(errored), PREPARING)).toEqual(knowing(PREPARING));
  });
});

describe('what a state means', () => {
  it('can be played from playable on, with a stream', () => {
    expect([PREPARING, PLAYABLE, READY].map(isPlayable)).toEqual([false, true, true]);
    expect(isPlayable({ ...PLAYABLE, stream_url: null })).toBe(false);
  });

  it('opens the gate only when the ladder is whole', () => {
    expect(readyTracks(PLAYABLE)).toEqual(new Set(['h264-480', 'audio-0']));
    expect(readyTracks({ ...READY, complete: false })).not.toBeNull();
    expect(readyTracks(READY)).toBeNull();
  });

  it('has chapters that end where the next one begins, and a name for each', () => {
    const chapters = [
      { start_ms: 0, title: 'Opening' },
      { start_ms: 20_500, title: '' },
    ];
    expect(chaptersOf({ ...READY, chapters })).toEqual([
      { startS: 0, endS: 20.5, title: 'Opening' },
      { startS: 20.5, endS: 60, title: 'Chapter 2' },
    ]);
  });

  it('is final when nothing more will come', () => {
    expect([PLAYABLE, READY, { ...READY, storyboard_url: null }].map(isFinal)).toEqual([false, true, false]);
  });
});

describe('coverFor', () => {
  it('covers what can’t be played, and nothing else', () => {
    expect(coverFor({ kind: 'nothing' })?.kind).toBe('loading');
    expect(coverFor({ kind: 'missing' })?.kind).toBe('error');
    expect(coverFor(knowing(PLAYABLE))).toBeNull();
  });

  it('says how far the work is', () => {
    const cover = coverFor(
      knowing({ ...PREPARING, progress: { fraction: 0.374, eta_s: 130, speed: 2 }, poster_url: '/p.jpg' }),
    );
    expect(cover).toMatchObject({
      kind: 'preparing',
      progress: 0.374,
      note: '37 % · about 2 minutes left',
      pictureUrl: '/p.jpg',
    });
    expect(coverFor(knowing(PREPARING))).toMatchObject({ progress: null, note: '' });
  });

  it('promises no play of what was made without streams', () => {
    const cover = coverFor(knowing({ ...READY, stream_url: null, complete: false, ready_tracks: [] }));
    expect(cover).toMatchObject({ kind: 'error', heading: 'Nothing to play here' });
  });

  it('shows why a video failed', () => {
    const cover = coverFor(
      knowing({ ...PREPARING, status: 'errored', error: { code: 'no_streams', detail: 'Nothing in it.' } }),
    );
    expect(cover).toMatchObject({ kind: 'error', detail: 'Nothing in it.', note: 'no_streams' });
  });
});

describe('workInWords', () => {
  it('speaks only while work goes on behind the picture', () => {
    expect(workInWords(PREPARING)).toBe('');
    expect(workInWords({ ...PLAYABLE, progress: { fraction: 0.5, eta_s: null, speed: null } })).toBe(
      'More qualities on the way, 50 %',
    );
    expect(workInWords({ ...PLAYABLE, has_video: false })).toBe('Still being processed');
    expect(workInWords(READY)).toBe('');
  });
});
