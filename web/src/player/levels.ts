/**
 * Which quality levels may be loaded.
 *
 * Our playlists list every rung of the plan from the start, in final order; at first only some can be delivered. A set of
 * ready track names says which; `null` stands for "everything is ready".
 */
export type ReadyTracks = ReadonlySet<string> | null;

/** The track name in a playlist address such as `/stream/ID/h264-480/index.m3u8`: the folder that holds the playlist. */
export function trackOfUrl(url: string): string {
  const path = url.split(/[?#]/, 1)[0] ?? '';
  return path.split('/').at(-2) ?? '';
}

/** The indexes of the levels that may be loaded, ascending. */
export function allowedLevels(tracks: readonly string[], ready: ReadyTracks): number[] {
  return tracks.flatMap((track, index) => (ready === null || ready.has(track) ? [index] : []));
}

/**
 * The allowed level that stands nearest to a wanted one: the highest that isn't above it, else the lowest of all.
 * `-1` (no choice, automatic) stays as it is, and so does everything while nothing is allowed: nothing is loaded then.
 */
export function clampLevel(level: number, allowed: readonly number[]): number {
  const lowest = allowed[0];
  if (level < 0 || lowest === undefined) return level;
  return allowed.findLast((index) => index <= level) ?? lowest;
}

/** What a viewer reads for a track: its height, with the codec where the ladder has more than one. */
export function trackLabel(track: string, height: number, manyCodecs: boolean): string {
  const parsed = /^(h264|hevc|av1)-(\d+)/.exec(track);
  const lines = `${parsed?.[2] ?? height}p`;
  const codec = parsed?.[1];
  return manyCodecs && codec ? `${lines} ${CODEC_NAMES[codec] ?? codec}` : lines;
}

const CODEC_NAMES: Record<string, string> = { h264: 'H.264', hevc: 'HEVC', av1: 'AV1' };
