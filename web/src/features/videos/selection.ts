import { useCallback, useMemo, useRef, useState } from 'react';
import type { Asset } from './asset';

export interface Selection {
  chosen: readonly Asset[];
  has: (id: string) => boolean;
  /** Chooses one, or not; with `through`, all between it and the one before as well. */
  toggle: (id: string, through?: boolean) => void;
  all: () => void;
  clear: () => void;
}

const NONE: ReadonlySet<string> = new Set();

/** Which of the rows are chosen. What isn't in the list any more isn't chosen either. */
export function useSelection(rows: readonly Asset[]): Selection {
  const [ids, setIds] = useState(NONE);
  const chosen = useMemo(() => (ids.size === 0 ? [] : rows.filter(({ id }) => ids.has(id))), [rows, ids]);
  // What rows are given stays the same function: with another one all that are shown would be drawn anew, at each page.
  const latest = useRef({ rows, last: '' });
  latest.current.rows = rows;
  const toggle = useCallback((id: string, through = false) => {
    const { rows, last } = latest.current;
    const from = rows.findIndex((row) => row.id === last);
    const to = rows.findIndex((row) => row.id === id);
    setIds((before) => {
      const next = new Set(before);
      if (through && from >= 0) {
        for (const row of rows.slice(Math.min(from, to), Math.max(from, to) + 1)) next.add(row.id);
      } else if (!next.delete(id)) next.add(id);
      return next;
    });
    latest.current.last = id;
  }, []);
  const all = useCallback(() => setIds(new Set(rows.map(({ id }) => id))), [rows]);
  const clear = useCallback(() => setIds(NONE), []);
  const has = useCallback((id: string) => ids.has(id), [ids]);
  return { chosen, has, toggle, all, clear };
}
