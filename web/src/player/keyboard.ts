/** What a key does to the player. */
export type KeyAction =
  | { kind: 'toggle-play' }
  | { kind: 'seek-by'; seconds: number }
  | { kind: 'seek-to'; fraction: number }
  | { kind: 'volume-by'; delta: number }
  | { kind: 'toggle-mute' }
  | { kind: 'toggle-fullscreen' }
  | { kind: 'toggle-captions' }
  | { kind: 'toggle-pip' }
  | { kind: 'step-frame'; frames: number }
  | { kind: 'change-speed'; steps: number }
  | { kind: 'help' };

/** The part of a KeyboardEvent that matters here. */
export interface KeyPress {
  key: string;
  ctrlKey?: boolean;
  altKey?: boolean;
  metaKey?: boolean;
}

const ACTIONS = new Map<string, KeyAction>([
  [' ', { kind: 'toggle-play' }],
  ['k', { kind: 'toggle-play' }],
  ['j', { kind: 'seek-by', seconds: -10 }],
  ['l', { kind: 'seek-by', seconds: 10 }],
  ['arrowleft', { kind: 'seek-by', seconds: -5 }],
  ['arrowright', { kind: 'seek-by', seconds: 5 }],
  ['arrowup', { kind: 'volume-by', delta: 0.05 }],
  ['arrowdown', { kind: 'volume-by', delta: -0.05 }],
  ['home', { kind: 'seek-to', fraction: 0 }],
  ['end', { kind: 'seek-to', fraction: 1 }],
  ['m', { kind: 'toggle-mute' }],
  ['f', { kind: 'toggle-fullscreen' }],
  ['c', { kind: 'toggle-captions' }],
  ['p', { kind: 'toggle-pip' }],
  [',', { kind: 'step-frame', frames: -1 }],
  ['.', { kind: 'step-frame', frames: 1 }],
  ['<', { kind: 'change-speed', steps: -1 }],
  ['>', { kind: 'change-speed', steps: 1 }],
  ['?', { kind: 'help' }],
]);

/** The list that the help dialog shows. */
export const KEY_HELP: readonly (readonly [keys: string[], does: string])[] = [
  [['Space', 'K'], 'Play or pause'],
  [['J', 'L'], 'Back or forward 10 seconds'],
  [['←', '→'], 'Back or forward 5 seconds'],
  [['0', '–', '9'], 'Jump to 0 – 90 %'],
  [[',', '.'], 'One frame back or forward'],
  [['<', '>'], 'Slower or faster'],
  [['↑', '↓'], 'Volume'],
  [['M'], 'Mute'],
  [['F'], 'Full screen'],
  [['C'], 'Captions'],
  [['P'], 'Picture in picture'],
  [['?'], 'This list'],
];

/** The action of a key press, or `null` where the key is not ours (or the browser's, with a modifier). */
export function actionFor(press: KeyPress): KeyAction | null {
  if (press.ctrlKey || press.altKey || press.metaKey) return null;
  if (/^[0-9]$/.test(press.key)) return { kind: 'seek-to', fraction: Number(press.key) / 10 };
  return ACTIONS.get(press.key.toLowerCase()) ?? null;
}

const TYPING = 'input, textarea, select, [contenteditable], dialog[open], [role="menu"], [role="dialog"]';
const PRESSED = 'button, a, [role="button"], [role^="menuitem"]';
const SLID = 'media-time-range, media-volume-range, [role="slider"]';

/** Whether the element that has the focus needs this key itself: to type, to press a button, to move a slider. */
export function ownedByTarget(press: KeyPress, path: readonly EventTarget[]): boolean {
  const matches = (selector: string) => path.some((node) => node instanceof Element && node.matches(selector));
  // The range inputs of Media Chrome are inputs, but nobody types into them.
  if (matches(SLID)) return /^(Arrow|Home|End|Page)/.test(press.key);
  if (matches(TYPING)) return true;
  return (press.key === ' ' || press.key === 'Enter') && matches(PRESSED);
}

export const SPEEDS = [0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2] as const;

/** The speed that lies some steps from the present one. */
export function steppedSpeed(present: number, steps: number): number {
  const nearest = SPEEDS.reduce(
    (best, speed) => (Math.abs(speed - present) < Math.abs(best - present) ? speed : best),
    1,
  );
  const index = SPEEDS.indexOf(nearest as (typeof SPEEDS)[number]) + steps;
  return SPEEDS[Math.min(Math.max(index, 0), SPEEDS.length - 1)] ?? 1;
}
