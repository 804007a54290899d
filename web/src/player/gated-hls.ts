import Hls from 'hls.js';
import { allowedLevels, clampLevel, type ReadyTracks, trackOfUrl } from './levels';

/**
 * hls.js that never loads a level whose track isn't ready.
 *
 * Every part of hls.js that picks a level (start, ABR, emergency switch, error recovery, size cap) reads the bounds
 * `minAutoLevel`/`maxAutoLevel` and hands its pick to one of the setters below, so this is the one gate they all pass:
 * the bounds keep the choice sensible, the setters make a wrong one impossible. Opening the gate needs no reload.
 */
export class GatedHls extends Hls {
  // The constructor of Hls already reads the bounds: no initializer may stand here.
  declare private ready: ReadyTracks | undefined;

  /** The tracks that can be delivered; `null` opens the gate for good. */
  setReadyTracks(ready: ReadyTracks): void {
    this.ready = ready;
  }

  /** The indexes of the levels that may be loaded now; empty before the multivariant playlist is there. */
  get allowedLevels(): number[] {
    const ready = this.ready ?? null;
    return allowedLevels(
      this.levels.map((level) => trackOfUrl(level.uri)),
      ready,
    );
  }

  private gate(level: number): number {
    return clampLevel(level, this.allowedLevels);
  }

  override get minAutoLevel(): number {
    return Math.max(super.minAutoLevel, this.allowedLevels[0] ?? 0);
  }

  override get maxAutoLevel(): number {
    const highest = super.maxAutoLevel;
    const allowed = this.allowedLevels;
    // The cap by player size may lie below the only rung that is ready.
    return allowed.length === 0 ? highest : clampLevel(highest, allowed);
  }

  override get nextAutoLevel(): number {
    return this.gate(super.nextAutoLevel);
  }

  override set nextAutoLevel(level: number) {
    super.nextAutoLevel = this.gate(level);
  }

  override get nextLoadLevel(): number {
    return this.gate(super.nextLoadLevel);
  }

  override set nextLoadLevel(level: number) {
    super.nextLoadLevel = this.gate(level);
  }

  override get loadLevel(): number {
    return super.loadLevel;
  }

  override set loadLevel(level: number) {
    super.loadLevel = this.gate(level);
  }

  override get nextLevel(): number {
    return super.nextLevel;
  }

  override set nextLevel(level: number) {
    super.nextLevel = this.gate(level);
  }

  override get currentLevel(): number {
    return super.currentLevel;
  }

  override set currentLevel(level: number) {
    super.currentLevel = this.gate(level);
  }
}
