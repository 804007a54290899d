import './chrome';
import './player.css';
import { type Chapter, showChapters } from './chapters';
import type { ChapterMenu } from './chrome';
import { type Cover, CoverView } from './cover';
import type { Engine, EngineOptions } from './engine';
import { actionFor, type KeyAction, ownedByTarget, steppedSpeed } from './keyboard';
import type { ReadyTracks } from './levels';
import { mendMenus } from './menus';
import { fetchStoryboard, showStoryboard, type Tile } from './storyboard';
import { PLAYER_HTML } from './template';
import { type TextChoice, Texts } from './texts';
import { attachTrackLists, type TrackLists } from './track-lists';

/** What the page wants of the player, mostly from the query string. */
export interface PlayerOptions {
  startS: number;
  autoplay: boolean;
  muted: boolean;
  loop: boolean;
  /** Load no more picture than the player's size can show: for embeds, which are often small. */
  capToSize: boolean;
  /** Where keys are listened for; left out, on the whole page. */
  keysOn?: HTMLElement;
}

/** What is to be played. */
export interface PlayerSource {
  streamUrl: string;
  ready: ReadyTracks;
  /** Captions and subtitles, as they are now. */
  texts: readonly TextChoice[];
}

/** What happens to the picture. */
export type Playback = 'idle' | 'paused' | 'playing' | 'waiting' | 'ended';

/** `playback`: `playback` changed. `track`: another track is on screen. `qualities`: their list changed. */
export type PlayerEvent = 'playback' | 'track' | 'qualities';

const TOAST_MS = 900;

// Fetched while the page still asks for the state: the first play waits for neither alone.
const hlsEngine = import('./hls-engine');

/** The player: Media Chrome's controls around an engine. Knows streams, not assets. */
export class Player extends EventTarget {
  readonly video: HTMLVideoElement;
  playback: Playback = 'idle';
  track = '';
  /** How many qualities of the plan are still to come. */
  waitingQualities = 0;
  /** How often playback had to wait for data after it had begun, seeks left out. */
  stalls = 0;
  private engine: Engine | null = null;
  private engineAsked = false;
  private source: PlayerSource = { streamUrl: '', ready: new Set(), texts: [] };
  private tiles: readonly Tile[] = [];
  private storyboardUrl = '';
  private chapters: readonly Chapter[] = [];
  private wantsToPlay: boolean;
  private toastTimer = 0;
  private ended = false;
  private readonly cover: CoverView;
  private readonly lists: TrackLists;
  private readonly texts: Texts;
  private readonly chapterMenu: ChapterMenu;

  constructor(
    private readonly root: HTMLElement,
    private readonly options: PlayerOptions,
  ) {
    super();
    root.classList.add('vc-player');
    const template = root.ownerDocument.createElement('template');
    template.innerHTML = PLAYER_HTML;
    const video = template.content.querySelector('video');
    if (!video) throw new Error("the player's markup has no video");
    this.video = video;
    this.lists = attachTrackLists(video);
    this.texts = new Texts(video);
    root.replaceChildren(template.content);
    mendMenus(root);
    this.chapterMenu = this.part<ChapterMenu>('vc-chapter-menu');
    this.chapterMenu.onSelect = (startS) => this.seek(startS);
    this.video.loop = options.loop;
    this.video.muted = options.muted;
    this.video.toggleAttribute('muted', options.muted);
    this.wantsToPlay = options.autoplay;
    this.cover = new CoverView(root);
    this.listenToVideo();
    (options.keysOn ?? root.ownerDocument).addEventListener('keydown', this.onKey);
    this.part<HTMLButtonElement>('.vc-unmute').addEventListener('click', () => this.unmute());
  }

  /** Shows this over the picture; `null` takes it away. */
  setCover(cover: Cover | null): void {
    if (cover) this.cover.show(cover);
    else this.cover.hide();
  }

  /** The picture that stands until the first play. */
  setPoster(url: string | null): void {
    const image = this.part<HTMLImageElement>('.vc-poster');
    if (!url || image.getAttribute('src') === url) return;
    image.onload = () => {
      image.hidden = false;
    };
    image.onerror = () => {
      image.hidden = true;
    };
    image.src = url;
  }

  /** Says that there is no picture to expect: the controls then stay. */
  setSoundOnly(soundOnly: boolean): void {
    this.root.toggleAttribute('data-sound-only', soundOnly);
    this.part('media-controller').setAttribute('autohide', soundOnly ? '-1' : '2.5');
  }

  /** Shows the title over the picture, as a link; for embeds. */
  setTitle(title: string, href: string): void {
    const link = this.part<HTMLAnchorElement>('.vc-title');
    link.textContent = title;
    link.href = href;
    this.part('.vc-top').hidden = title === '';
  }

  /** Loads a stream, or tells the one that plays which of its tracks are ready now, and which texts there are. */
  setSource(source: PlayerSource): void {
    this.source = source;
    if (this.engine) {
      this.tellEngine(this.engine);
    } else if (!this.engineAsked) {
      this.engineAsked = true;
      void this.startEngine(source.streamUrl);
    }
  }

  /** Small pictures for the seek bar. Where they can't be had, the bar goes without. */
  async setStoryboard(url: string | null): Promise<void> {
    if (!url || url === this.storyboardUrl) return;
    this.storyboardUrl = url;
    try {
      this.tiles = await fetchStoryboard(url);
    } catch {
      this.storyboardUrl = '';
      return;
    }
    showStoryboard(this.video, this.tiles);
    this.root.dataset.storyboard = `${this.tiles.length}`;
  }

  /** Names parts of what plays, on the seek bar and in a menu. */
  setChapters(chapters: readonly Chapter[]): void {
    if (JSON.stringify(chapters) === JSON.stringify(this.chapters)) return;
    this.chapters = chapters;
    showChapters(this.video, chapters);
    this.chapterMenu.show(chapters);
    this.chapterMenu.mark(this.video.currentTime);
  }

  async play(): Promise<void> {
    this.wantsToPlay = true;
    if (this.engine) await this.startPlaying();
  }

  pause(): void {
    this.wantsToPlay = false;
    this.video.pause();
  }

  seek(seconds: number): void {
    const end = Number.isFinite(this.video.duration) ? this.video.duration : Number.POSITIVE_INFINITY;
    this.video.currentTime = Math.min(Math.max(seconds, 0), end);
  }

  /** Ends it: nothing is loaded any more, and no key is listened for. */
  destroy(): void {
    this.ended = true;
    (this.options.keysOn ?? this.root.ownerDocument).removeEventListener('keydown', this.onKey);
    window.clearTimeout(this.toastTimer);
    this.engine?.destroy();
    this.engine = null;
    this.root.replaceChildren();
  }

  /** Tells people who don't see the page. */
  announce(text: string): void {
    this.part('.vc-live').textContent = text;
  }

  private part<T extends HTMLElement = HTMLElement>(selector: string): T {
    const found = this.root.querySelector<T>(selector);
    if (!found) throw new Error(`the player's markup has no ${selector}`);
    return found;
  }

  private async startEngine(streamUrl: string): Promise<void> {
    const options: EngineOptions = {
      streamUrl,
      ready: this.source.ready,
      startS: this.options.startS,
      capToSize: this.options.capToSize,
      lists: this.lists,
      texts: this.texts,
      events: {
        onTrack: (track) => {
          this.track = track;
          this.emit('track');
        },
        onQualities: (offered, waiting) => {
          this.waitingQualities = offered > 0 ? waiting : 0;
          this.part('.vc-more').hidden = this.waitingQualities === 0;
          this.emit('qualities');
        },
        onTimeline: () => {
          showStoryboard(this.video, this.tiles);
          showChapters(this.video, this.chapters);
        },
        onFatal: (detail) => this.onFatal(streamUrl, detail),
      },
    };
    const { HlsEngine, canUseHlsJs } = await hlsEngine;
    if (this.ended) return;
    if (canUseHlsJs()) {
      this.engine = new HlsEngine(this.video, options);
    } else {
      const { NativeEngine } = await import('./native-engine');
      if (this.ended) return;
      this.engine = new NativeEngine(this.video, options);
    }
    this.root.dataset.engine = this.engine.kind;
    this.tellEngine(this.engine);
    if (this.wantsToPlay) await this.startPlaying();
    else this.setPlayback('paused');
  }

  private tellEngine(engine: Engine): void {
    engine.setReadyTracks(this.source.ready);
    engine.setTexts(this.source.texts, this.source.streamUrl);
  }

  /** Plays; where the browser forbids sound before a click, plays without it and offers it. */
  private async startPlaying(): Promise<void> {
    try {
      await this.video.play();
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== 'NotAllowedError' || this.video.muted) return;
      this.video.muted = true;
      this.part('.vc-unmute').hidden = false;
      await this.video.play().catch(() => {
        this.video.muted = false;
        this.part('.vc-unmute').hidden = true;
      });
    }
  }

  private unmute(): void {
    this.video.muted = false;
    if (this.video.volume === 0) this.video.volume = 0.5;
  }

  private onFatal(streamUrl: string, detail: string): void {
    this.engine?.destroy();
    this.engine = null;
    this.setPlayback('idle');
    this.setCover({
      kind: 'error',
      heading: 'Playback stopped',
      detail: 'The video could not be loaded any further. Check the connection and try again.',
      note: detail,
      action: {
        label: 'Try again',
        run: () => {
          this.setCover(null);
          this.wantsToPlay = true;
          void this.startEngine(streamUrl);
        },
      },
    });
  }

  private emit(event: PlayerEvent): void {
    this.dispatchEvent(new Event(event));
  }

  private setPlayback(playback: Playback): void {
    if (playback === this.playback) return;
    this.playback = playback;
    this.root.dataset.playback = playback;
    this.emit('playback');
  }

  private listenToVideo(): void {
    const { video } = this;
    video.addEventListener('playing', () => this.setPlayback('playing'));
    video.addEventListener('pause', () => this.setPlayback('paused'));
    video.addEventListener('ended', () => this.setPlayback('ended'));
    video.addEventListener('timeupdate', () => this.chapterMenu.mark(video.currentTime));
    video.addEventListener('play', () => {
      if (video.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA) this.setPlayback('playing');
    });
    video.addEventListener('waiting', () => {
      if (video.paused) return;
      if (this.playback === 'playing' && !video.seeking) this.stalls += 1;
      this.setPlayback('waiting');
    });
    video.addEventListener('volumechange', () => {
      if (!video.muted) this.part('.vc-unmute').hidden = true;
    });
  }

  private readonly onKey = (event: Event): void => {
    if (!(event instanceof KeyboardEvent) || event.defaultPrevented) return;
    if (ownedByTarget(event, event.composedPath())) return;
    const action = actionFor(event);
    if (!action) return;
    event.preventDefault();
    this.perform(action);
  };

  /** Does what a key stands for, and says so on screen. */
  perform(action: KeyAction): void {
    const said = this.act(action);
    if (said) this.toast(said);
  }

  private act(action: KeyAction): string | null {
    const { video } = this;
    switch (action.kind) {
      case 'toggle-play':
        if (video.paused) void this.play();
        else this.pause();
        return null;
      case 'seek-by':
        this.seek(video.currentTime + action.seconds);
        return `${action.seconds > 0 ? '+' : '−'}${Math.abs(action.seconds)} s`;
      case 'seek-to':
        if (Number.isFinite(video.duration)) this.seek(video.duration * action.fraction);
        return null;
      case 'volume-by':
        video.volume = Math.min(Math.max(Math.round((video.volume + action.delta) * 100) / 100, 0), 1);
        video.muted = video.volume === 0;
        return `Volume ${Math.round(video.volume * 100)} %`;
      case 'toggle-mute':
        video.muted = !video.muted;
        return video.muted ? 'Muted' : 'Sound on';
      case 'step-frame':
        this.pause();
        this.seek(video.currentTime + action.frames / (this.engine?.frameRate ?? 30));
        return null;
      case 'change-speed':
        video.playbackRate = steppedSpeed(video.playbackRate, action.steps);
        return `${video.playbackRate}×`;
      case 'help':
        this.toggleHelp();
        return null;
      default:
        this.pressControl(action.kind);
        return null;
    }
  }

  private pressControl(kind: 'toggle-fullscreen' | 'toggle-captions' | 'toggle-pip'): void {
    const names = {
      'toggle-fullscreen': 'media-fullscreen-button',
      'toggle-captions': 'media-captions-button',
      'toggle-pip': 'media-pip-button',
    };
    this.part(names[kind]).click();
  }

  private toggleHelp(): void {
    const dialog = this.part<HTMLDialogElement>('.vc-help');
    if (dialog.open) dialog.close();
    else dialog.showModal();
  }

  private toast(text: string): void {
    const toast = this.part('.vc-toast');
    toast.textContent = text;
    toast.classList.add('vc-shown');
    this.announce(text);
    window.clearTimeout(this.toastTimer);
    this.toastTimer = window.setTimeout(() => toast.classList.remove('vc-shown'), TOAST_MS);
  }
}
