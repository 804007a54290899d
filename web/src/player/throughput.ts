// Transfers shorter than this say more about timers than about the network.
const SHORTEST_TRANSFER_MS = 50;
const KEPT_SAMPLES = 5;

/**
 * What the network carries, in bits per second, over the last few transfers.
 *
 * hls.js counts the time that the server held a request as slow network, so after the first rung's segments were made on
 * demand its own estimate is far too low to move up. This one looks at the transfer alone, first byte to last.
 */
export class Throughput {
  private readonly samples: number[] = [];

  add(bytes: number, firstByteMs: number, lastByteMs: number): void {
    if (bytes <= 0) return;
    const transferMs = Math.max(lastByteMs - firstByteMs, SHORTEST_TRANSFER_MS);
    this.samples.push((bytes * 8_000) / transferMs);
    if (this.samples.length > KEPT_SAMPLES) this.samples.shift();
  }

  /** The median, or `null` before the first transfer. */
  get bps(): number | null {
    const sorted = [...this.samples].sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? null;
  }
}
