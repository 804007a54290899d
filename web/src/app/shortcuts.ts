import { useEffect, useRef, useSyncExternalStore } from 'react';

export interface Shortcut {
  /** One key ("/"), or keys one after the other ("g v"). */
  keys: string;
  label: string;
  group: string;
  run: () => void;
}

const SEQUENCE_MS = 1_200;
const KEPT_AS = 'vidcompute-keys';

let entries: readonly Shortcut[] = [];
const listeners = new Set<() => void>();
let before = '';
let timer = 0;
let isOff = localStorage.getItem(KEPT_AS) === 'off';

function listen(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function changed(next: readonly Shortcut[]): void {
  entries = next;
  for (const listener of listeners) listener();
}

/** Whether a key belongs to what has the focus: text is typed there, it is pressed, or a menu or a player listens itself. */
function isTaken(target: EventTarget | null, key: string): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (key === 'Enter' && target.closest('a[href], button, summary') !== null) return true;
  return target.closest('input, textarea, select, [contenteditable], [role="menu"], .vc-player') !== null
    ? !(target instanceof HTMLInputElement && target.type === 'checkbox')
    : false;
}

/** Whether a dialog is open, or on its way. */
export function isCovered(): boolean {
  const open = ['[role="dialog"][data-state="open"]', '[role="alertdialog"][data-state="open"]', '[data-opening]'];
  return document.querySelector(open.join()) !== null;
}

function onKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if ((isOff && event.key.length === 1) || isTaken(event.target, event.key) || isCovered()) return;
  const pressed = before ? `${before} ${event.key}` : event.key;
  const entry = entries.findLast(({ keys }) => keys === pressed) ?? entries.findLast(({ keys }) => keys === event.key);
  window.clearTimeout(timer);
  before = '';
  if (entry) {
    event.preventDefault();
    entry.run();
  } else if (entries.some(({ keys }) => keys.startsWith(`${event.key} `))) {
    before = event.key;
    timer = window.setTimeout(() => {
      before = '';
    }, SEQUENCE_MS);
  }
}

/** Lets keys do something while the component is there; `?` lists them. A later one goes before an earlier one. */
export function useShortcut(keys: string, label: string, group: string, run: () => void): void {
  const latest = useRef(run);
  latest.current = run;
  useEffect(() => {
    const entry: Shortcut = { keys, label, group, run: () => latest.current() };
    changed([...entries, entry]);
    return () => changed(entries.filter((other) => other !== entry));
  }, [keys, label, group]);
}

/** What the keys do now. */
export function useShortcuts(): readonly Shortcut[] {
  return useSyncExternalStore(listen, () => entries);
}

/**
 * Whether letters and signs do something by themselves. Who speaks to their machine, or presses keys by accident, switches
 * them off.
 */
export function useLetters(): [boolean, (on: boolean) => void] {
  const on = useSyncExternalStore(listen, () => !isOff);
  const set = (next: boolean) => {
    isOff = !next;
    if (next) localStorage.removeItem(KEPT_AS);
    else localStorage.setItem(KEPT_AS, 'off');
    for (const listener of listeners) listener();
  };
  return [on, set];
}

/** Begins to listen; what ends it. */
export function listenForShortcuts(): () => void {
  document.addEventListener('keydown', onKey);
  return () => document.removeEventListener('keydown', onKey);
}
