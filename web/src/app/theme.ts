import { useSyncExternalStore } from 'react';

export type Theme = 'system' | 'light' | 'dark';

const KEPT_AS = 'vidcompute-theme';
const light = window.matchMedia('(prefers-color-scheme: light)');
const listeners = new Set<() => void>();

function kept(): Theme {
  const theme = localStorage.getItem(KEPT_AS);
  return theme === 'light' || theme === 'dark' ? theme : 'system';
}

let theme = kept();

function apply(): void {
  const shown = theme === 'system' ? (light.matches ? 'light' : 'dark') : theme;
  document.documentElement.dataset.theme = shown;
}

/** Shows the theme that was chosen, and follows the system where none was. */
export function startTheme(): void {
  apply();
  light.addEventListener('change', apply);
}

export function setTheme(chosen: Theme): void {
  theme = chosen;
  if (chosen === 'system') localStorage.removeItem(KEPT_AS);
  else localStorage.setItem(KEPT_AS, chosen);
  apply();
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useTheme(): Theme {
  return useSyncExternalStore(subscribe, () => theme);
}
