const WINDOW_MS = 5_000;

/** How quick something is, over the last seconds. */
export class Pace {
  private marks: { atMs: number; bytes: number }[] = [];

  begin(): void {
    this.marks = [];
  }

  /** Bytes a second, now that so many are through. */
  at(bytes: number, nowMs = performance.now()): number {
    this.marks = [...this.marks.filter(({ atMs }) => nowMs - atMs <= WINDOW_MS), { atMs: nowMs, bytes }];
    const first = this.marks[0];
    if (!first || nowMs <= first.atMs) return 0;
    return ((bytes - first.bytes) * 1000) / (nowMs - first.atMs);
  }
}
