import type { ReadyTracks } from './levels';
import type { TextChoice, Texts } from './texts';
import type { TrackLists } from './track-lists';

/** What an engine tells the player. */
export interface EngineEvents {
  /** The picture on screen now comes from this track. */
  onTrack(track: string): void;
  /** The list of qualities changed; `waiting` is how many of the plan are still to come. */
  onQualities(offered: number, waiting: number): void;
  /** The timeline is there: cues may be added. */
  onTimeline(): void;
  /** Playback can't go on. */
  onFatal(detail: string): void;
}

export interface EngineOptions {
  /** The playlist with every rung of the plan, `?planned=1`. */
  streamUrl: string;
  ready: ReadyTracks;
  startS: number;
  /** Load no more picture than the player's size can show. */
  capToSize: boolean;
  /** The lists behind the menus; an engine that can't choose leaves them empty. */
  lists: TrackLists;
  /** The texts on offer; an engine whose playlists bring them leaves it empty. */
  texts: Texts;
  events: EngineEvents;
}

/** What carries a stream into a video element. */
export interface Engine {
  readonly kind: 'hls.js' | 'native';
  /** Tells which tracks can be delivered now; `null`: all. */
  setReadyTracks(ready: ReadyTracks): void;
  /** Offers these texts, and no others; `streamUrl` is where the stream has them too. */
  setTexts(texts: readonly TextChoice[], streamUrl: string): void;
  /** Frames per second of what plays. */
  readonly frameRate: number;
  destroy(): void;
}
