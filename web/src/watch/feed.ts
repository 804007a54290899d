import type { AssetState } from './asset-state';

/** The part of a problem that the page shows (RFC 9457). */
export interface Problem {
  code: string;
  detail: string;
}

/** What the feed tells. */
export interface FeedEvents {
  onState(state: AssetState): void;
  onMissing(): void;
  /** Who asks may not see it; the server's words for why. */
  onLocked(problem: Problem): void;
  /** Whether the server can be reached at the moment. */
  onConnection(connected: boolean): void;
}

const RETRY_FIRST_MS = 1_000;
const RETRY_MOST_MS = 15_000;

/**
 * Follows an asset's state: one request for what is, an event stream for what becomes.
 *
 * The browser reconnects a stream that broke; where it gives up (a proxy without streams, an HTTP error), the state is
 * asked for and the stream opened again, at growing intervals. What has come to rest is followed while the page is seen:
 * a browser opens six connections to a server in all its tabs.
 */
export class Feed {
  private source: EventSource | null = null;
  private retryTimer = 0;
  private retryMs = RETRY_FIRST_MS;
  private heardEvent = false;
  private resting = false;
  private closed = false;

  constructor(
    private readonly base: string,
    private readonly events: FeedEvents,
  ) {
    document.addEventListener('visibilitychange', this.look);
    this.begin();
  }

  close(): void {
    this.closed = true;
    document.removeEventListener('visibilitychange', this.look);
    this.stop();
  }

  /** All has come that comes by itself; from now on it is people who change something, such as captions or the poster. */
  rest(): void {
    this.resting = true;
    this.look();
  }

  private readonly look = (): void => {
    if (!this.resting || this.closed) return;
    if (document.visibilityState === 'hidden') this.stop();
    else if (this.source === null && !this.retryTimer) this.begin();
  };

  private begin(): void {
    this.heardEvent = false;
    void this.ask();
    this.open();
  }

  private stop(): void {
    window.clearTimeout(this.retryTimer);
    this.retryTimer = 0;
    this.source?.close();
    this.source = null;
  }

  private async ask(): Promise<void> {
    try {
      const response = await fetch(`${this.base}/state`, { cache: 'no-store' });
      if (this.closed) return;
      if (response.status === 404 || response.status === 410) {
        this.close();
        this.events.onMissing();
        return;
      }
      if (response.status === 403) {
        this.close();
        this.events.onLocked((await response.json()) as Problem);
        return;
      }
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      const state = (await response.json()) as AssetState;
      // An event that came in the meantime is newer than this answer.
      if (!this.closed && !this.heardEvent) this.take(state);
    } catch {
      this.lost();
    }
  }

  private open(): void {
    const source = new EventSource(`${this.base}/events`);
    this.source = source;
    source.addEventListener('open', () => {
      this.retryMs = RETRY_FIRST_MS;
      this.events.onConnection(true);
    });
    source.addEventListener('state', (event: MessageEvent<string>) => {
      this.heardEvent = true;
      this.take(JSON.parse(event.data) as AssetState);
    });
    source.addEventListener('error', () => {
      if (source.readyState === EventSource.CLOSED) this.lost();
      else this.events.onConnection(false);
    });
  }

  private take(state: AssetState): void {
    this.events.onConnection(true);
    this.events.onState(state);
  }

  private lost(): void {
    if (this.source === null || this.retryTimer) return; // it was stopped, or begins again by itself
    this.events.onConnection(false);
    this.retryTimer = window.setTimeout(() => {
      this.stop();
      this.begin();
    }, this.retryMs);
    this.retryMs = Math.min(this.retryMs * 2, RETRY_MOST_MS);
  }
}
