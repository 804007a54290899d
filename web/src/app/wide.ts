import { useSyncExternalStore } from 'react';

const wide = window.matchMedia('(min-width: 48rem)'); // what styles call `md`

function follow(listener: () => void): () => void {
  wide.addEventListener('change', listener);
  return () => wide.removeEventListener('change', listener);
}

/** Whether there is more room than a phone has: for what would otherwise be made twice, once to be hidden. */
export function useWide(): boolean {
  return useSyncExternalStore(follow, () => wide.matches);
}
