import { describe, expect, it } from 'vitest';
import { actionFor, KEY_HELP, ownedByTarget, steppedSpeed } from './keyboard';

describe('actionFor', () => {
  it.each([
    [' ', 'toggle-play'],
    ['k', 'toggle-play'],
    ['K', 'toggle-play'],
    ['m', 'toggle-mute'],
    ['f', 'toggle-fullscreen'],
    ['c', 'toggle-captions'],
    ['?', 'help'],
  ])('%s is %s', (key, kind) => {
    expect(actionFor({ key })).toEqual({ kind });
  });

  it('seeks by 10 s, by 5 s, and to tenths', () => {
    expect(actionFor({ key: 'j' })).toEqual({ kind: 'seek-by', seconds: -10 });
    expect(actionFor({ key: 'l' })).toEqual({ kind: 'seek-by', seconds: 10 });
    expect(actionFor({ key: 'ArrowRight' })).toEqual({ kind: 'seek-by', seconds: 5 });
    expect(actionFor({ key: '7' })).toEqual({ kind: 'seek-to', fraction: 0.7 });
  });

  it('steps frames and changes speed', () => {
    expect(actionFor({ key: '.' })).toEqual({ kind: 'step-frame', frames: 1 });
    expect(actionFor({ key: '<' })).toEqual({ kind: 'change-speed', steps: -1 });
  });

  it('leaves other keys and the browser’s shortcuts alone', () => {
    expect(actionFor({ key: 'x' })).toBeNull();
    expect(actionFor({ key: 'constructor' })).toBeNull();
    expect(actionFor({ key: 'f', ctrlKey: true })).toBeNull();
    expect(actionFor({ key: 'l', metaKey: true })).toBeNull();
    expect(actionFor({ key: 'ArrowLeft', altKey: true })).toBeNull();
  });

  it('does what the help says', () => {
    const keys = KEY_HELP.flatMap(([names]) => names).filter((name) => name.length === 1 && name !== '–');
    const arrows: Record<string, string> = { '←': 'ArrowLeft', '→': 'ArrowRight', '↑': 'ArrowUp', '↓': 'ArrowDown' };
    for (const key of keys) expect(actionFor({ key: arrows[key] ?? key }), key).not.toBeNull();
  });
});

describe('ownedByTarget', () => {
  const path = (html: string) => {
    document.body.innerHTML = html;
    return [document.body.firstElementChild ?? document.body, document.body, document];
  };

  it('lets people type, and press what has the focus', () => {
    expect(ownedByTarget({ key: 'k' }, path('<input>'))).toBe(true);
    expect(ownedByTarget({ key: ' ' }, path('<button></button>'))).toBe(true);
    expect(ownedByTarget({ key: 'k' }, path('<button></button>'))).toBe(false);
    expect(ownedByTarget({ key: 'ArrowDown' }, path('<div role="menu"></div>'))).toBe(true);
  });

  it('leaves a slider its arrows and nothing else', () => {
    expect(ownedByTarget({ key: 'ArrowLeft' }, path('<media-volume-range></media-volume-range>'))).toBe(true);
    expect(ownedByTarget({ key: ' ' }, path('<media-time-range></media-time-range>'))).toBe(false);
  });

  it('takes everything else', () => {
    expect(ownedByTarget({ key: ' ' }, path('<p></p>'))).toBe(false);
  });
});

describe('steppedSpeed', () => {
  it('stays on the scale', () => {
    expect(steppedSpeed(1, 1)).toBe(1.25);
    expect(steppedSpeed(1, -1)).toBe(0.75);
    expect(steppedSpeed(2, 1)).toBe(2);
    expect(steppedSpeed(0.25, -1)).toBe(0.25);
    expect(steppedSpeed(1.1, 1)).toBe(1.25);
  });
});
