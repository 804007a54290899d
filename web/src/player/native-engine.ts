import type { Engine, EngineOptions } from './engine';
import type { ReadyTracks } from './levels';
import type { TextChoice } from './texts';

/** The playlist without the rungs that aren't there yet: a browser's own player can't be told to leave them alone. */
export function withoutPlanned(streamUrl: string, baseUrl: string): string {
  const url = new URL(streamUrl, baseUrl);
  url.searchParams.delete('planned');
  return url.href;
}

/**
 * Plays by the browser's own HLS (iPhones without managed media source). When more is ready, or other texts are there, it
 * loads the list again.
 */
export class NativeEngine implements Engine {
  readonly kind = 'native';
  readonly frameRate = 30;
  private url: string;
  private readyCount: number;

  constructor(
    private readonly media: HTMLVideoElement,
    private readonly options: EngineOptions,
  ) {
    this.url = withoutPlanned(options.streamUrl, document.baseURI);
    this.readyCount = countOf(options.ready);
    media.addEventListener('error', this.onError);
    media.addEventListener('loadedmetadata', this.onMetadata);
    this.load(options.startS);
  }

  setReadyTracks(ready: ReadyTracks): void {
    const count = countOf(ready);
    if (count === this.readyCount) return;
    this.readyCount = count;
    this.reload();
  }

  setTexts(_texts: readonly TextChoice[], streamUrl: string): void {
    const url = withoutPlanned(streamUrl, document.baseURI);
    if (url === this.url) return;
    this.url = url;
    this.reload();
  }

  destroy(): void {
    this.media.removeEventListener('error', this.onError);
    this.media.removeEventListener('loadedmetadata', this.onMetadata);
    this.media.removeAttribute('src');
    this.media.load();
  }

  private reload(): void {
    const playing = !this.media.paused;
    this.load(this.media.currentTime);
    if (playing) this.media.play().catch(() => undefined);
  }

  private load(atS: number): void {
    this.media.src = atS > 0 ? `${this.url}#t=${atS}` : this.url;
    this.media.load();
  }

  private readonly onError = (): void => this.options.events.onFatal(this.media.error?.message ?? 'media error');

  private readonly onMetadata = (): void => this.options.events.onTimeline();
}

function countOf(ready: ReadyTracks): number {
  return ready?.size ?? Number.POSITIVE_INFINITY;
}
