/** One small picture of a sprite sheet, and the time that it stands for. */
export interface Tile {
  startMs: number;
  endMs: number;
  url: string;
  x: number;
  y: number;
  width: number;
  height: number;
}

const TIMING = /^(?:(\d+):)?(\d{2}):(\d{2})\.(\d{3})\s+-->\s+(?:(\d+):)?(\d{2}):(\d{2})\.(\d{3})/;

function milliseconds(hours: string | undefined, minutes = '0', seconds = '0', rest = '0'): number {
  return Number(hours ?? 0) * 3_600_000 + Number(minutes) * 60_000 + Number(seconds) * 1_000 + Number(rest);
}

function tileAt(startMs: number, endMs: number, address: string, baseUrl: string): Tile | null {
  const url = new URL(address, baseUrl);
  const region = /^#xywh=(?:pixel:)?(\d+),(\d+),(\d+),(\d+)$/.exec(url.hash);
  if (!region) return null;
  url.hash = '';
  const [x = 0, y = 0, width = 0, height = 0] = region.slice(1).map(Number);
  return { startMs, endMs, url: url.href, x, y, width, height };
}

/** Reads a WebVTT storyboard: each cue's text is a picture with a `#xywh=` region. Cues of another form are left out. */
export function parseStoryboardVtt(text: string, baseUrl: string): Tile[] {
  const tiles: Tile[] = [];
  for (const block of text.replaceAll('\r', '').split(/\n\n+/)) {
    const lines = block.split('\n').filter((line) => line.trim() !== '');
    const at = lines.findIndex((line) => TIMING.test(line));
    const timing = at < 0 ? null : TIMING.exec(lines[at] ?? '');
    const address = lines[at + 1]?.trim();
    if (!timing || !address) continue;
    const [, h1, m1, s1, ms1, h2, m2, s2, ms2] = timing;
    const tile = tileAt(milliseconds(h1, m1, s1, ms1), milliseconds(h2, m2, s2, ms2), address, baseUrl);
    if (tile) tiles.push(tile);
  }
  return tiles;
}

interface StoryboardJson {
  tile_width: number;
  tile_height: number;
  interval_ms: number;
  duration_ms: number;
  tiles: { start_ms: number; x: number; y: number; sheet: string }[];
}

/** Reads a JSON storyboard: one tile size, and of each tile when it begins, its sheet's address and its place there. */
export function parseStoryboardJson(text: string, baseUrl: string): Tile[] {
  const board = JSON.parse(text) as StoryboardJson;
  return board.tiles.map((tile) => ({
    startMs: tile.start_ms,
    endMs: Math.min(tile.start_ms + board.interval_ms, board.duration_ms),
    url: new URL(tile.sheet, baseUrl).href,
    x: tile.x,
    y: tile.y,
    width: board.tile_width,
    height: board.tile_height,
  }));
}

/** Fetches a storyboard of either form. Throws where it can't be had. */
export async function fetchStoryboard(url: string): Promise<Tile[]> {
  const absolute = new URL(url, document.baseURI).href;
  const response = await fetch(absolute);
  if (!response.ok) throw new Error(`storyboard: HTTP ${response.status}`);
  const text = await response.text();
  return text.trimStart().startsWith('{') ? parseStoryboardJson(text, absolute) : parseStoryboardVtt(text, absolute);
}

/** Gives the tiles to Media Chrome's seek bar, which reads them from a metadata track called "thumbnails". */
export function showStoryboard(video: HTMLVideoElement, tiles: readonly Tile[]): void {
  const track =
    [...video.textTracks].find((candidate) => candidate.label === 'thumbnails') ??
    video.addTextTrack('metadata', 'thumbnails');
  track.mode = 'hidden';
  for (const cue of [...(track.cues ?? [])]) track.removeCue(cue);
  for (const tile of tiles) {
    const region = [tile.x, tile.y, tile.width, tile.height].join(',');
    track.addCue(new VTTCue(tile.startMs / 1_000, tile.endMs / 1_000, `${tile.url}#xywh=${region}`));
  }
}
