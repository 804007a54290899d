import { KEY_HELP, SPEEDS } from './keyboard';

// Icons are 24 units square, drawn with strokes or fills of the current colour.
const icon = (slot: string, path: string) =>
  `<svg slot="${slot}" viewBox="0 0 24 24" aria-hidden="true" class="vc-icon">${path}</svg>`;

const PLAY = '<path d="M8 5.6v12.8a.8.8 0 0 0 1.22.68l10.3-6.4a.8.8 0 0 0 0-1.36L9.22 4.92A.8.8 0 0 0 8 5.6Z"/>';
const PAUSE =
  '<rect x="6.5" y="5" width="4" height="14" rx="1.2"/><rect x="13.5" y="5" width="4" height="14" rx="1.2"/>';
const GEAR =
  '<path d="m19.4 13 .1-1-.1-1 2-1.6-2-3.4-2.4 1a7.4 7.4 0 0 0-1.7-1L15 3.4h-4L10.6 6a7.4 7.4 0 0 0-1.7 1l-2.4-1-2 3.4 2 1.6a7.6 7.6 0 0 0 0 2l-2 1.6 2 3.4 2.4-1c.5.4 1.1.8 1.7 1l.4 2.6h4l.4-2.6a7.4 7.4 0 0 0 1.7-1l2.4 1 2-3.4ZM13 15.2a3.2 3.2 0 1 1 0-6.4 3.2 3.2 0 0 1 0 6.4Z" transform="translate(-1)"/>';

const menuItem = (title: string, menu: string, attributes = '', note = '') => `
  <media-settings-menu-item>
    ${title}
    <${menu} slot="submenu" hidden ${attributes}>
      <span slot="title">${title}${note}</span>
    </${menu}>
  </media-settings-menu-item>`;

const help = KEY_HELP.map(
  ([keys, does]) =>
    `<div><dt>${keys
      .map((key) => (key === '–' ? '<span>to</span>' : `<kbd>${key.replace('<', '&lt;').replace('>', '&gt;')}</kbd>`))
      .join(' ')}</dt><dd>${does}</dd></div>`,
).join('');

/** The player's markup. Nothing in it comes from a user: texts are set as text afterwards. */
export const PLAYER_HTML = `
<media-controller class="vc-controller" nohotkeys nomutedpref defaultstreamtype="on-demand" autohide="2.5">
  <video slot="media" playsinline preload="auto" crossorigin="anonymous" tabindex="-1"></video>
  <img slot="poster" class="vc-poster" alt="" hidden>
  <div slot="top-chrome" class="vc-top" hidden><a class="vc-title" target="_blank" rel="noopener"></a></div>
  <media-loading-indicator slot="centered-chrome" noautohide loadingdelay="600">
    <div slot="icon" class="vc-spinner"></div>
  </media-loading-indicator>
  <media-play-button slot="centered-chrome" class="vc-big" notooltip>
    ${icon('play', PLAY)}${icon('pause', PAUSE)}
  </media-play-button>
  <div class="vc-toast" aria-hidden="true" noautohide></div>
  <button type="button" class="vc-unmute" noautohide hidden>
    <svg viewBox="0 0 24 24" aria-hidden="true"><path d="M4 9v6h4l5 4V5L8 9H4Zm12.6 3 2.2-2.2 1.2 1.2-2.2 2.2 2.2 2.2-1.2 1.2-2.2-2.2-2.2 2.2-1.2-1.2 2.2-2.2-2.2-2.2 1.2-1.2 2.2 2.2Z"/></svg>
    Tap for sound
  </button>
  <media-settings-menu class="vc-menu" anchor="auto" hidden>
    ${menuItem('Chapters', 'vc-chapter-menu')}
    ${menuItem('Quality', 'vc-quality-menu', '', '<small class="vc-more" hidden>more on the way</small>')}
    ${menuItem('Speed', 'media-playback-rate-menu', `rates="${SPEEDS.filter((speed) => speed >= 0.5).join(' ')}"`)}
    ${menuItem('Audio', 'media-audio-track-menu')}
    ${menuItem('Captions', 'media-captions-menu')}
  </media-settings-menu>
  <div class="vc-controls">
    <media-time-range class="vc-seek"></media-time-range>
    <media-control-bar class="vc-bar">
      <media-play-button class="vc-play" notooltip>
        ${icon('play', PLAY)}${icon('pause', PAUSE)}
      </media-play-button>
      <div class="vc-volume">
        <media-mute-button notooltip></media-mute-button>
        <media-volume-range></media-volume-range>
      </div>
      <media-time-display class="vc-time" showduration notoggle></media-time-display>
      <span class="vc-spacer"></span>
      <media-captions-button class="vc-captions" notooltip></media-captions-button>
      <media-settings-menu-button class="vc-settings" notooltip>${icon('icon', GEAR)}</media-settings-menu-button>
      <media-pip-button class="vc-pip" notooltip></media-pip-button>
      <media-fullscreen-button notooltip></media-fullscreen-button>
    </media-control-bar>
  </div>
  <div class="vc-cover" noautohide hidden>
    <img class="vc-cover-picture" alt="" hidden>
    <div class="vc-cover-body">
      <div class="vc-cover-icon" aria-hidden="true"></div>
      <p class="vc-cover-heading"></p>
      <p class="vc-cover-detail"></p>
      <div class="vc-progress" role="progressbar" aria-valuemin="0" aria-valuemax="100" aria-label="Progress" hidden>
        <div class="vc-progress-bar"></div>
      </div>
      <p class="vc-cover-note"></p>
      <button type="button" class="vc-cover-action" hidden></button>
      <form class="vc-cover-question" hidden>
        <input type="password" autocomplete="current-password" maxlength="200" required>
        <button type="submit"></button>
      </form>
    </div>
  </div>
</media-controller>
<p class="vc-live" role="status" aria-live="polite"></p>
<dialog class="vc-help" aria-labelledby="vc-help-title">
  <form method="dialog">
    <header><h2 id="vc-help-title">Keyboard</h2><button aria-label="Close">✕</button></header>
    <dl>${help}</dl>
  </form>
</dialog>
`;
