import type { Schemas } from '../api/client';

/** An event as the API tells it. */
export type Told = Schemas['Event'];

/** How far the stream of events is, and each event as it comes, for who wants to see them all. */
export class Tail {
  /** The number up to which all was told; 0 before the stream begins. */
  seq = 0;
  private readonly listeners = new Set<(told: Told | null) => void>();

  readonly take = (seq: number, told: Told | null): void => {
    this.seq = Math.max(this.seq, seq);
    for (const listener of this.listeners) listener(told);
  };

  listen(listener: (told: Told | null) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
