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
import { MediaRenditionMenu } from 'media-chrome/dist/menu/media-rendition-menu.js';
import type { Rendition } from './track-lists';

/** The quality menu, with our own labels: the plan's names, and the codec where there are several. */
class QualityMenu extends MediaRenditionMenu {
  static override formatRendition(rendition: Partial<Rendition>): string {
    return rendition.label ?? `${Math.min(rendition.width ?? 0, rendition.height ?? 0)}p`;
  }
}

customElements.define('vc-quality-menu', QualityMenu);
