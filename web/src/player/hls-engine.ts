import Hls, { type ErrorData, ErrorTypes, Events, type Level } from 'hls.js';
import type { Engine, EngineEvents, EngineOptions } from './engine';
import { GatedHls } from './gated-hls';
import { type ReadyTracks, trackLabel, trackOfUrl } from './levels';
import { LOAD_POLICIES } from './load-policy';
import { PatientAbr } from './patient-abr';
import type { TextChoice } from './texts';
import type { TrackLists } from './track-lists';

const USUAL_FRAME_RATE = 30;
// Before the first play only the opening is fetched, so that a page that nobody plays costs the server little.
const BUFFER_BEFORE_PLAY_S = 8;
const BUFFER_S = 24;
// What is made on demand is not asked for far ahead, which would only make the maker work for nobody.
const BUFFER_MOST_WHEN_COMPLETE_S = 60;
// What the network is taken to carry before anything was measured: enough to begin with a decent picture.
const FIRST_ESTIMATE_BPS = 3_000_000;
const RESTARTS = 8;
const RESTART_DELAY_MS = 1_500;
const MEDIA_RECOVERY_PAUSE_MS = 3_000;

/** Whether hls.js can play here, by Media Source Extensions or the managed kind of newer iPhones. */
export function canUseHlsJs(): boolean {
  return Hls.isSupported();
}

/** Plays by hls.js, at ready levels only, and moves up when more of them are. */
export class HlsEngine implements Engine {
  readonly kind = 'hls.js';
  private readonly hls: GatedHls;
  private readonly lists: TrackLists;
  private readonly events: EngineEvents;
  private ready: ReadyTracks;
  private started = false;
  private played = false;
  private restarts = 0;
  private restartTimer = 0;
  private recoveredAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly media: HTMLVideoElement,
    private readonly options: EngineOptions,
  ) {
    this.events = options.events;
    this.ready = options.ready;
    this.lists = options.lists;
    this.lists.renditions.onSelect = (chosen) => {
      this.hls.nextLevel = chosen?.level ?? -1;
    };
    this.lists.audioTracks.onSelect = (id) => {
      this.hls.audioTrack = Number(id);
    };
    this.hls = new GatedHls({
      ...LOAD_POLICIES,
      abrController: PatientAbr,
      autoStartLoad: false,
      startPosition: options.startS > 0 ? options.startS : -1,
      maxBufferLength: BUFFER_BEFORE_PLAY_S,
      maxMaxBufferLength: BUFFER_BEFORE_PLAY_S,
      backBufferLength: 60,
      abrEwmaDefaultEstimate: FIRST_ESTIMATE_BPS,
      capLevelToPlayerSize: options.capToSize,
      lowLatencyMode: false,
      // fMP4 is passed through, not transmuxed: a worker would cost a download and gain nothing.
      enableWorker: false,
      enableInterstitialPlayback: false,
      // Texts are tracks of the element: hls.js has those alone that there were when it loaded the playlist.
      enableWebVTT: false,
      enableIMSC1: false,
      enableCEA708Captions: false,
    });
    this.hls.setReadyTracks(this.ready);
    this.listen();
    this.hls.attachMedia(media);
    this.hls.loadSource(options.streamUrl);
    media.addEventListener('play', this.onPlay);
    if (!media.paused) this.onPlay();
  }

  get frameRate(): number {
    const { levels, currentLevel, loadLevel } = this.hls;
    const level = levels[currentLevel] ?? levels[loadLevel];
    return level && level.frameRate > 0 ? level.frameRate : USUAL_FRAME_RATE;
  }

  setReadyTracks(ready: ReadyTracks): void {
    const before = this.hls.allowedLevels;
    this.ready = ready;
    this.hls.setReadyTracks(ready);
    this.setBufferLength();
    if (this.hls.levels.length === 0) return;
    this.refreshMenus();
    this.startWhenReady();
    const after = this.hls.allowedLevels;
    if (this.started && after.some((level) => !before.includes(level))) this.moveUp();
  }

  setTexts(texts: readonly TextChoice[]): void {
    this.options.texts.set(texts);
  }

  destroy(): void {
    window.clearTimeout(this.restartTimer);
    this.media.removeEventListener('play', this.onPlay);
    this.hls.destroy();
  }

  private listen(): void {
    const { hls } = this;
    hls.on(Events.MANIFEST_PARSED, () => {
      this.refreshMenus();
      this.startWhenReady();
      this.events.onTimeline();
    });
    hls.on(Events.LEVELS_UPDATED, () => this.refreshMenus());
    hls.on(Events.AUDIO_TRACKS_UPDATED, () => this.refreshMenus());
    hls.on(Events.LEVEL_SWITCHED, (_event, data) => this.events.onTrack(this.trackOf(hls.levels[data.level])));
    hls.on(Events.FRAG_BUFFERED, () => {
      this.restarts = 0;
    });
    hls.on(Events.ERROR, (_event, data) => {
      if (data.fatal) this.onFatal(data);
    });
  }

  private trackOf(level: Level | undefined): string {
    return level ? trackOfUrl(level.uri) : '';
  }

  private startWhenReady(): void {
    if (this.started || this.hls.allowedLevels.length === 0) return;
    this.started = true;
    this.hls.startLoad(this.options.startS > 0 ? this.options.startS : -1);
  }

  private readonly onPlay = (): void => {
    this.played = true;
    this.setBufferLength();
  };

  private setBufferLength(): void {
    if (!this.played) return;
    this.hls.config.maxBufferLength = BUFFER_S;
    this.hls.config.maxMaxBufferLength = this.ready === null ? BUFFER_MOST_WHEN_COMPLETE_S : BUFFER_S;
  }

  /** Looks again which level is best, and replaces what is buffered ahead by it as far as that can't stall playback. */
  private moveUp(): void {
    if (!this.hls.autoLevelEnabled) return;
    if (this.hls.nextAutoLevel > this.hls.currentLevel) this.hls.nextLevel = -1;
  }

  private refreshMenus(): void {
    const levels = this.hls.levels;
    const allowed = this.hls.allowedLevels;
    const manyCodecs = new Set(levels.map((level) => level.codecSet)).size > 1;
    const hasPicture = levels.some((level) => level.height > 0);
    const offered = hasPicture ? allowed : [];
    this.lists.renditions.replace(
      offered.flatMap((index) => {
        const level = levels[index];
        if (!level) return [];
        const id = this.trackOf(level);
        const { width, height, bitrate } = level;
        const label = trackLabel(id, Math.min(width, height), manyCodecs);
        return { id, level: index, label, width, height, bitrate };
      }),
    );
    const audible = this.hls.audioTracks.filter((track) => this.ready?.has(trackOfUrl(track.url)) ?? true);
    this.lists.audioTracks.replace(
      audible.map((track) => ({
        id: `${track.id}`,
        kind: track.default ? 'main' : 'alternative',
        label: track.name || track.lang || `Track ${track.id + 1}`,
        language: track.lang ?? '',
      })),
      `${this.hls.audioTrack}`,
    );
    this.events.onQualities(offered.length, hasPicture ? levels.length - offered.length : 0);
  }

  private onFatal(data: ErrorData): void {
    if (data.type === ErrorTypes.MEDIA_ERROR && performance.now() - this.recoveredAtMs > MEDIA_RECOVERY_PAUSE_MS) {
      this.recoveredAtMs = performance.now();
      this.hls.recoverMediaError();
      return;
    }
    if (data.type === ErrorTypes.NETWORK_ERROR && this.restarts < RESTARTS) {
      this.restarts += 1;
      this.restartTimer = window.setTimeout(() => this.restart(), RESTART_DELAY_MS);
      return;
    }
    this.events.onFatal(data.details);
  }

  private restart(): void {
    if (this.hls.levels.length === 0) this.hls.loadSource(this.options.streamUrl);
    else this.hls.startLoad();
  }
}
