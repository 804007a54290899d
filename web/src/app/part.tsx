import { type ComponentType, type ReactElement, use } from 'react';

/** A component whose code comes when it is first shown, or asked for before that. */
export interface Part<P> {
  (props: P): ReactElement;
  /** Fetches its code: once, and again where that failed. */
  load: () => Promise<ComponentType<P>>;
}

const loads = new Set<() => Promise<unknown>>();

/**
 * As `lazy` of React, but what could not be fetched can be tried again, and all of them can be fetched ahead, but for
 * those that are large and of no use without a connection. While its code comes it suspends; where that failed it
 * throws, until `load` is called.
 */
export function part<P extends object>(
  importer: () => Promise<{ default: ComponentType<P> }>,
  { ahead = true } = {},
): Part<P> {
  let coming: Promise<ComponentType<P>> | null = null;
  let found: ComponentType<P> | null = null;
  let failed = false;
  const fetchIt = async () => {
    failed = false;
    try {
      found = (await importer()).default;
      return found;
    } catch (error) {
      failed = true;
      throw error;
    }
  };
  const load = () => {
    if (coming === null || failed) coming = fetchIt();
    return coming;
  };
  const Shown = (props: P) => {
    const Found = found ?? use(coming ?? load());
    return <Found {...props} />;
  };
  if (ahead) loads.add(load);
  return Object.assign(Shown, { load });
}

/** Fetches ahead what is known, and what becomes known by that, each piece when `turn` says so. */
export async function loadParts(turn: () => Promise<void>): Promise<void> {
  for (const load of loads) {
    await turn();
    await load();
  }
}
