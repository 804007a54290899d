/** Captions or subtitles that viewers may choose. */
export interface TextChoice {
  id: string;
  kind: 'subtitles' | 'captions';
  language: string;
  name: string;
  default: boolean;
  /** All of it, as WebVTT on the video's own timeline. */
  url: string;
}

interface Offered {
  element: HTMLTrackElement;
  /** What is said of it. */
  told: string;
}

/**
 * The texts of a video element, each a track of its own, which the browser reads when somebody turns it on. So they
 * come, change and go while the video plays, where those of a playlist are what they were when it was loaded.
 */
export class Texts {
  private readonly offered = new Map<string, Offered>();

  constructor(private readonly video: HTMLVideoElement) {}

  /** Offers these and no others. What is turned on stays on; the default shows by itself until somebody has watched. */
  set(texts: readonly TextChoice[]): void {
    const wanted = new Set(texts.map(({ id }) => id));
    for (const id of this.offered.keys()) if (!wanted.has(id)) this.remove(id);
    for (const text of texts) this.put(text);
  }

  private put(text: TextChoice): void {
    const told = JSON.stringify(text);
    if (this.offered.get(text.id)?.told === told) return;
    // Menus read what is said of a track when it comes: one that is called otherwise comes anew.
    const mode = this.remove(text.id) ?? this.firstMode(text);
    const element = this.video.ownerDocument.createElement('track');
    element.kind = text.kind;
    element.label = text.name;
    element.srclang = text.language;
    element.src = text.url;
    this.video.append(element);
    element.track.mode = mode;
    this.offered.set(text.id, { element, told });
  }

  /** Takes one away; how it was shown. */
  private remove(id: string): TextTrackMode | undefined {
    const element = this.offered.get(id)?.element;
    if (!element) return undefined;
    const { mode } = element.track;
    element.track.mode = 'disabled'; // browsers go on showing what is showing
    element.remove();
    this.offered.delete(id);
    return mode;
  }

  private firstMode(text: TextChoice): TextTrackMode {
    const isUnwatched = this.video.played.length === 0;
    const isFree = [...this.offered.values()].every(({ element }) => element.track.mode !== 'showing');
    return text.default && isUnwatched && isFree ? 'showing' : 'disabled';
  }
}
