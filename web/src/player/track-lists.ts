/** A list in the shape of the browser's own track lists, which Media Chrome's menus read from the media element. */
class IndexedList<T> extends EventTarget {
  [index: number]: T;
  length = 0;

  protected fill(items: readonly T[]): void {
    for (let index = items.length; index < this.length; index++) delete this[index];
    items.forEach((item, index) => {
      this[index] = item;
    });
    this.length = items.length;
  }

  *[Symbol.iterator](): Generator<T> {
    for (let index = 0; index < this.length; index++) yield this[index] as T;
  }
}

/** One quality in the quality menu. `id` is the track name, `level` the index in hls.js. */
export interface Rendition {
  id: string;
  level: number;
  label: string;
  width: number;
  height: number;
  bitrate: number;
}

/** The qualities that may be chosen; `selectedIndex` is -1 while hls.js chooses. */
export class RenditionList extends IndexedList<Rendition> {
  /** What a choice does; the engine sets it. */
  onSelect: (rendition: Rendition | null) => void = () => undefined;
  private selected = -1;

  get selectedIndex(): number {
    return this.selected;
  }

  set selectedIndex(index: number) {
    this.selected = index;
    this.dispatchEvent(new Event('change'));
    this.onSelect(this[index] ?? null);
  }

  /** Takes a new list; a choice that was made stays with its track. */
  replace(items: readonly Rendition[]): void {
    const chosen = this[this.selected]?.id;
    this.fill(items);
    this.selected = items.findIndex((item) => item.id === chosen);
    this.dispatchEvent(new Event('addrendition'));
  }
}

/** One spoken language or mix in the audio menu. */
export interface AudioChoice {
  id: string;
  kind: string;
  label: string;
  language: string;
  enabled: boolean;
}

/** The audio tracks that may be chosen; exactly one is enabled. */
export class AudioChoiceList extends IndexedList<AudioChoice> {
  /** What a choice does; the engine sets it. */
  onSelect: (id: string) => void = () => undefined;

  replace(items: readonly Omit<AudioChoice, 'enabled'>[], enabledId: string): void {
    let enabled = enabledId;
    const choose = (id: string) => {
      if (id === enabled) return;
      enabled = id;
      this.dispatchEvent(new Event('change'));
      this.onSelect(id);
    };
    this.fill(
      items.map((item) => ({
        ...item,
        get enabled() {
          return enabled === item.id;
        },
        // Media Chrome sets `enabled` on each track in turn: only the one that is switched on says something.
        set enabled(on: boolean) {
          if (on) choose(item.id);
        },
      })),
    );
    this.dispatchEvent(new Event('addtrack'));
  }
}

/** The lists behind the menus of one video element. */
export interface TrackLists {
  renditions: RenditionList;
  audioTracks: AudioChoiceList;
}

/**
 * Gives a video element the lists that Media Chrome's menus read, in place of the browser's own. Media Chrome looks for
 * them once, when it first sees the element: this comes before.
 */
export function attachTrackLists(video: HTMLVideoElement): TrackLists {
  const lists = { renditions: new RenditionList(), audioTracks: new AudioChoiceList() };
  Object.defineProperty(video, 'videoRenditions', { value: lists.renditions, configurable: true });
  Object.defineProperty(video, 'audioTracks', { value: lists.audioTracks, configurable: true });
  return lists;
}
