import type { Chapter } from '../player/chapters';
import type { Cover } from '../player/cover';
import type { ReadyTracks } from '../player/levels';
import type { PlayerSource } from '../player/player';
import type { TextChoice } from '../player/texts';
import { approximately } from './words';

/** Captions or subtitles; those that are forced translate what is in another language than the rest. */
export interface Caption extends TextChoice {
  forced: boolean;
}

/** What `GET /watch/{playback_id}/state` says, and each `state` event after it. */
export interface AssetState {
  title: string;
  status: 'preparing' | 'playable' | 'ready' | 'errored';
  error: { code: string; detail: string } | null;
  duration_ms: number | null;
  width: number | null;
  height: number | null;
  has_video: boolean;
  has_audio: boolean;
  stream_url: string | null;
  ready_tracks: string[];
  complete: boolean;
  progress: { fraction: number | null; eta_s: number | null; speed: number | null } | null;
  poster_url: string | null;
  storyboard_url: string | null;
  captions: Caption[];
  /** Parts that the source has names for, in order; a name may be empty. */
  chapters: { start_ms: number; title: string }[];
}

/** What is known of the asset: its state, that it doesn't exist or isn't for who asks, or nothing yet. */
export type Known =
  | { kind: 'nothing' }
  | { kind: 'missing' }
  | { kind: 'locked'; detail: string; unlock: ((password: string) => Promise<string | null>) | null }
  | { kind: 'state'; state: AssetState };

/** Whether there is something to play. */
export function isPlayable(state: AssetState): boolean {
  return (state.status === 'playable' || state.status === 'ready') && state.stream_url !== null;
}

/** Whether nothing more will come by itself. */
export function isFinal(state: AssetState): boolean {
  return state.status === 'ready' && state.complete && state.storyboard_url !== null;
}

/** What a player is to play; `null` where there is nothing yet. */
export function sourceOf(state: AssetState): PlayerSource | null {
  if (!isPlayable(state) || state.stream_url === null) return null;
  return { streamUrl: state.stream_url, ready: readyTracks(state), texts: state.captions };
}

/** The chapters, each until the next one begins. */
export function chaptersOf({ chapters, duration_ms }: AssetState): Chapter[] {
  return chapters.map(({ start_ms, title }, place) => ({
    startS: start_ms / 1_000,
    endS: (chapters[place + 1]?.start_ms ?? duration_ms ?? start_ms) / 1_000,
    title: title || `Chapter ${place + 1}`,
  }));
}

/** The tracks that can be delivered; `null` when the ladder is whole. */
export function readyTracks(state: AssetState): ReadyTracks {
  return state.complete ? null : new Set(state.ready_tracks);
}

/**
 * What is known after a new word from the server.
 *
 * Messages may overtake each other (a poll and an event stream), and what could be delivered still can be: a track that
 * was ready stays so, and a video that could be played is not taken away for being prepared further.
 */
export function learn(known: Known, next: AssetState): Known {
  if (known.kind !== 'state') return { kind: 'state', state: next };
  const before = known.state;
  if (isPlayable(before) && next.status === 'preparing') return known;
  if (before.complete && !next.complete && next.status !== 'errored') return known;
  const tracks = [...new Set([...before.ready_tracks, ...next.ready_tracks])];
  return { kind: 'state', state: { ...next, ready_tracks: tracks } };
}

/** What covers the picture for this knowledge; `null`: nothing, it plays. */
export function coverFor(known: Known): Cover | null {
  if (known.kind === 'nothing') return { kind: 'loading', heading: '', progress: null };
  if (known.kind === 'missing') {
    return { kind: 'error', heading: 'No video here', detail: 'The link is wrong, or the video was deleted.' };
  }
  if (known.kind === 'locked') return locked(known.detail, known.unlock);
  const { state } = known;
  if (state.status === 'errored') {
    return {
      kind: 'error',
      heading: 'This video can’t be played',
      detail: state.error?.detail ?? 'It could not be prepared.',
      ...(state.error ? { note: state.error.code } : {}),
    };
  }
  if (isPlayable(state)) return null;
  if (state.status === 'ready') {
    return { kind: 'error', heading: 'Nothing to play here', detail: 'No streams of this video were asked for.' };
  }
  return preparing(state);
}

function locked(detail: string, unlock: ((password: string) => Promise<string | null>) | null): Cover {
  if (unlock === null) return { kind: 'locked', heading: 'This video is private', detail };
  return {
    kind: 'locked',
    heading: 'This video is private',
    question: { label: 'Password', send: 'Watch', answer: unlock },
  };
}

function preparing(state: AssetState): Cover {
  const fraction = state.progress?.fraction ?? null;
  const facts = [
    fraction === null ? '' : `${Math.round(fraction * 100)} %`,
    state.progress?.eta_s ? `${approximately(state.progress.eta_s)} left` : '',
  ].filter((fact) => fact !== '');
  return {
    kind: 'preparing',
    heading: 'Getting your video ready',
    detail: 'It starts here as soon as the first seconds can be played.',
    note: facts.join(' · '),
    progress: fraction,
    pictureUrl: state.poster_url,
  };
}

/** What still happens to a video that already plays, in a few words; empty when nothing does. */
export function workInWords(state: AssetState): string {
  if (!isPlayable(state) || state.complete) return '';
  const fraction = state.progress?.fraction;
  const percent = typeof fraction === 'number' ? `, ${Math.round(fraction * 100)} %` : '';
  return state.has_video ? `More qualities on the way${percent}` : `Still being processed${percent}`;
}
