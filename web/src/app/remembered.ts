import { useCallback, useState } from 'react';

/** A choice that this browser remembers. */
export function useRemembered(name: string, initial: string): [string, (value: string) => void] {
  const key = `vidcompute-${name}`;
  const [value, set] = useState(() => localStorage.getItem(key) ?? initial);
  const keep = useCallback(
    (next: string) => {
      localStorage.setItem(key, next);
      set(next);
    },
    [key],
  );
  return [value, keep];
}
