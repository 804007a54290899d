import { useSyncExternalStore } from 'react';
import { told } from '../api/problem';

export interface Message {
  id: number;
  kind: 'info' | 'error';
  text: string;
  action?: { label: string; run: () => void };
}

const SHOWN_MS = 6_000;
const WITH_ACTION_MS = 12_000;
const LOOKED_AT_MS = 2_000;

let messages: readonly Message[] = [];
let last = 0;
const listeners = new Set<() => void>();

function set(next: readonly Message[]): void {
  messages = next;
  for (const listener of listeners) listener();
}

export function dismiss(id: number): void {
  set(messages.filter((message) => message.id !== id));
}

/** Whether somebody is at them, by the pointer or the focus: what one reads, or is about to press, does not go. */
function areLookedAt(): boolean {
  const region = document.querySelector('[data-messages]');
  return region !== null && (region.matches(':hover') || region.contains(document.activeElement));
}

function end(id: number, afterMs: number): void {
  window.setTimeout(() => (areLookedAt() ? end(id, LOOKED_AT_MS) : dismiss(id)), afterMs);
}

/** Says something in passing: seen in a corner, read out by screen readers, gone after a while. */
export function say(text: string, action?: Message['action'], kind: Message['kind'] = 'info'): void {
  last += 1;
  const id = last;
  set([...messages.slice(-3), { id, kind, text, ...(action ? { action } : {}) }]);
  end(id, action ? WITH_ACTION_MS : SHOWN_MS);
}

/** Says what went wrong, in the server's words. */
export function sayProblem(error: unknown): void {
  say(told(error).detail, undefined, 'error');
}

export function useMessages(): readonly Message[] {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => messages,
  );
}
