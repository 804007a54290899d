import { useEffect, useState } from 'react';

const RESTS_MS = 80;
const NONE: ReadonlySet<string> = new Set();

/**
 * Which videos show their picture, of those that exist in a long list: the first ones at once, others once they have
 * been there for a moment. Of those that one only passes by none is fetched; one that was shown is shown again at once.
 */
export function usePictured(ids: readonly string[]): ReadonlySet<string> {
  const [pictured, setPictured] = useState(NONE);
  if (pictured === NONE && ids.length > 0) setPictured(new Set(ids));
  const shown = ids.join(' ');
  useEffect(() => {
    if (shown === '') return;
    const timer = window.setTimeout(() => setPictured((before) => withAll(before, shown.split(' '))), RESTS_MS);
    return () => window.clearTimeout(timer);
  }, [shown]);
  return pictured;
}

function withAll(before: ReadonlySet<string>, ids: readonly string[]): ReadonlySet<string> {
  return ids.every((id) => before.has(id)) ? before : new Set([...before, ...ids]);
}
