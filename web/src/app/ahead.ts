import { loadParts } from './part';

const AFTER_MS = 4_000;

interface Line {
  saveData?: boolean;
  effectiveType?: string;
}

/** Whether who looks is to be sent nothing but what they ask for. */
function isSparing(): boolean {
  const { connection } = navigator as Navigator & { connection?: Line };
  return connection?.saveData === true || connection?.effectiveType?.endsWith('2g') === true;
}

function idle(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof window.requestIdleCallback !== 'function') window.setTimeout(resolve, 0);
    else window.requestIdleCallback(() => resolve());
  });
}

/**
 * Fetches the code of what has not been gone to, one piece after the other while nothing else is to be done: later a
 * page opens at once, and without a connection as well. A line that broke meanwhile is gone on with when it is back.
 */
export function fetchAhead(pages: readonly (() => Promise<unknown> | undefined)[], afterMs = AFTER_MS): void {
  if (isSparing()) return;
  const fetchAll = async () => {
    for (const load of pages) {
      await idle();
      await load();
    }
    await loadParts(idle);
  };
  const begin = () => {
    fetchAll().catch(() => window.addEventListener('online', begin, { once: true }));
  };
  window.setTimeout(begin, afterMs);
}
