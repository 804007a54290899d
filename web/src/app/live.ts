import { createParser, type EventSourceMessage } from 'eventsource-parser';
import type { Told } from './tail';

export interface LiveEvent {
  type: string;
  subjectId: string;
  data: Record<string, unknown>;
}

export type Connection = 'connecting' | 'open' | 'lost';

export interface LiveOptions {
  path: string;
  headers: () => Record<string, string>;
  onEvent: (event: LiveEvent) => void;
  /** How far the stream is, and the event that it came to, where it is one, as the API tells it. */
  onSeq?: (seq: number, told: Told | null) => void;
  /** A stream begins, and what happened before it is not told: everything is to be asked for anew. */
  onGap: () => void;
  onConnection: (connection: Connection) => void;
}

const RETRY_FIRST_MS = 500;
const RETRY_MOST_MS = 15_000;
const SILENCE_MS = 40_000; // heartbeats come each 15 s

/**
 * Follows the organization's events. A stream that broke is taken up after the last event that came, so that none is
 * lost; while the page is hidden there is none, for a browser opens six connections to a server in all its tabs.
 */
export class Live {
  private lastId = '';
  private retryMs = RETRY_FIRST_MS;
  private abort: AbortController | null = null;
  private timer = 0;
  private closed = false;

  constructor(private readonly options: LiveOptions) {
    document.addEventListener('visibilitychange', this.wake);
    window.addEventListener('online', this.wake);
    window.addEventListener('offline', this.lose);
    this.wake();
  }

  close(): void {
    this.closed = true;
    document.removeEventListener('visibilitychange', this.wake);
    window.removeEventListener('online', this.wake);
    window.removeEventListener('offline', this.lose);
    this.stop();
  }

  private readonly wake = (): void => {
    if (document.visibilityState === 'hidden') {
      this.stop();
    } else if (this.abort === null) {
      this.retryMs = RETRY_FIRST_MS;
      void this.connect();
    }
  };

  private readonly lose = (): void => {
    this.stop();
    this.options.onConnection('lost');
  };

  private stop(): void {
    window.clearTimeout(this.timer);
    this.abort?.abort();
    this.abort = null;
  }

  private async connect(): Promise<void> {
    const abort = new AbortController();
    this.stop();
    this.abort = abort;
    const headers: Record<string, string> = { Accept: 'text/event-stream', ...this.options.headers() };
    if (this.lastId) headers['Last-Event-ID'] = this.lastId;
    try {
      const response = await fetch(this.options.path, { headers, cache: 'no-store', signal: abort.signal });
      if (response.status === 410) this.lastId = ''; // what followed the last event is not kept any more
      if (!response.ok || !response.body) throw new Error(`HTTP ${response.status}`);
      this.retryMs = RETRY_FIRST_MS;
      this.options.onConnection('open');
      await this.read(response.body, abort);
    } catch {
      // What follows is the same however it broke.
    }
    if (!this.closed && this.abort === abort) this.again();
  }

  private async read(body: ReadableStream<Uint8Array>, abort: AbortController): Promise<void> {
    const parser = createParser({ onEvent: (event) => this.take(event) });
    const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
    for (;;) {
      const silence = window.setTimeout(() => abort.abort(), SILENCE_MS);
      const { done, value } = await reader.read().finally(() => window.clearTimeout(silence));
      if (done) return;
      parser.feed(value);
    }
  }

  private take(message: EventSourceMessage): void {
    if (message.id && this.lastId === '') this.options.onGap();
    if (message.id) this.lastId = message.id;
    const isEvent = message.event !== undefined && message.event !== 'cursor';
    const told = isEvent ? (JSON.parse(message.data) as Told) : null;
    if (message.id) this.options.onSeq?.(Number(message.id), told);
    if (!told || !message.event) return;
    this.options.onEvent({ type: message.event, subjectId: told.subject_id ?? '', data: told.data ?? {} });
  }

  private again(): void {
    this.abort = null;
    this.options.onConnection('lost');
    this.timer = window.setTimeout(() => void this.connect(), this.retryMs * (0.75 + Math.random() / 2));
    this.retryMs = Math.min(this.retryMs * 2, RETRY_MOST_MS);
  }
}
