/** A part of what plays that has a name, in seconds. */
export interface Chapter {
  startS: number;
  endS: number;
  title: string;
}

/** Gives the chapters to Media Chrome's seek bar, which reads them from a track, and takes their names for markup. */
export function showChapters(video: HTMLVideoElement, chapters: readonly Chapter[]): void {
  const known = [...video.textTracks].find(({ kind }) => kind === 'chapters');
  if (!known && chapters.length === 0) return;
  const track = known ?? video.addTextTrack('chapters', 'chapters');
  track.mode = 'hidden';
  for (const cue of [...(track.cues ?? [])]) track.removeCue(cue);
  for (const { startS, endS, title } of chapters) {
    const text = title.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
    track.addCue(new VTTCue(startS, endS, text));
  }
}
