// The parts of Media Chrome that the player is made of, and no others: they are custom elements, defined on import.
import 'media-chrome/dist/media-controller.js';
import 'media-chrome/dist/media-control-bar.js';
import 'media-chrome/dist/media-play-button.js';
import 'media-chrome/dist/media-mute-button.js';
import 'media-chrome/dist/media-volume-range.js';
import 'media-chrome/dist/media-time-range.js';
import 'media-chrome/dist/media-time-display.js';
import 'media-chrome/dist/media-captions-button.js';
import 'media-chrome/dist/media-pip-button.js';
import 'media-chrome/dist/media-fullscreen-button.js';
import 'media-chrome/dist/media-loading-indicator.js';
import 'media-chrome/dist/menu/media-settings-menu.js';
import 'media-chrome/dist/menu/media-settings-menu-button.js';
import 'media-chrome/dist/menu/media-settings-menu-item.js';
import 'media-chrome/dist/menu/media-playback-rate-menu.js';
import 'media-chrome/dist/menu/media-captions-menu.js';
import 'media-chrome/dist/menu/media-audio-track-menu.js';
import { createIndicator, createMenuItem, MediaChromeMenu } from 'media-chrome/dist/menu/media-chrome-menu.js';
import { MediaRenditionMenu } from 'media-chrome/dist/menu/media-rendition-menu.js';
import type { Chapter } from './chapters';
import type { Rendition } from './track-lists';

/** The quality menu, with our own labels: the plan's names, and the codec where there are several. */
class QualityMenu extends MediaRenditionMenu {
  static override formatRendition(rendition: Partial<Rendition>): string {
    return rendition.label ?? `${Math.min(rendition.width ?? 0, rendition.height ?? 0)}p`;
  }
}

customElements.define('vc-quality-menu', QualityMenu);

const ROUNDING_S = 0.05; // who is sent to where a chapter begins is in it

/** The chapters of what plays; the one that plays now is marked. */
export class ChapterMenu extends MediaChromeMenu {
  /** Is told where the chapter begins that somebody chose. */
  onSelect: (startS: number) => void = () => undefined;
  private chapters: readonly Chapter[] = [];
  private marked = -1;

  override connectedCallback(): void {
    super.connectedCallback();
    this.addEventListener('change', this.choose);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.removeEventListener('change', this.choose);
  }

  show(chapters: readonly Chapter[]): void {
    this.chapters = chapters;
    this.marked = -1;
    this.defaultSlot.textContent = '';
    for (const [place, { title }] of chapters.entries()) {
      const item = createMenuItem({ type: 'radio', text: title, value: `${place}`, checked: false });
      item.prepend(createIndicator(this, 'checked-indicator'));
      this.defaultSlot.append(item);
    }
  }

  /** Marks the chapter of this moment. */
  mark(timeS: number): void {
    const place = this.chapters.findLastIndex(({ startS }) => startS <= timeS + ROUNDING_S);
    if (place === this.marked) return;
    this.marked = place;
    this.value = `${place}`;
  }

  // What is marked is a change to Media Chrome as well as what somebody chooses.
  private readonly choose = (): void => {
    const place = Number(this.value);
    const chapter = this.chapters[place];
    if (chapter && place !== this.marked) this.onSelect(chapter.startS);
  };
}

customElements.define('vc-chapter-menu', ChapterMenu);
