import { useCallback, useMemo, useState } from 'react';
import type { Asset } from './asset';

export interface Selection {
  chosen: readonly Asset[];
  has: (id: string) => boolean;
  /** Chooses one, or not; with `through`, all between it and the one before as well. */
  toggle: (id: string, through?: boolean) => void;
  all: () => void;
  clear: () => void;
}

/** Which of the rows are chosen. What isn't in the list any more isn't chosen either. */
export function useSelection(rows: readonly Asset[]): Selection {
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set());
  const [last, setLast] = useState('');
  const chosen = useMemo(() => rows.filter(({ id }) => ids.has(id)), [rows, ids]);
  const toggle = useCallback(
    (id: string, through = false) => {
      const from = rows.findIndex((row) => row.id === last);
      const to = rows.findIndex((row) => row.id === id);
      setIds((before) => {
        const next = new Set(before);
        if (through && from >= 0) {
          for (const row of rows.slice(Math.min(from, to), Math.max(from, to) + 1)) next.add(row.id);
        } else if (!next.delete(id)) next.add(id);
        return next;
      });
      setLast(id);
    },
    [rows, last],
  );
  const all = useCallback(() => setIds(new Set(rows.map(({ id }) => id))), [rows]);
  const clear = useCallback(() => setIds(new Set()), []);
  const has = useCallback((id: string) => ids.has(id), [ids]);
  return { chosen, has, toggle, all, clear };
}
