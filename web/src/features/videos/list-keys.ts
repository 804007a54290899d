import { useNavigate } from '@tanstack/react-router';
import { useRef, useState } from 'react';
import { useShortcut } from '../../app/shortcuts';
import type { Asset } from './asset';
import type { Selection } from './selection';

/** Lets one go through a list by keys, choose and open; at which place one is, -1 before the first key. */
export function useListKeys(rows: readonly Asset[], selection: Selection, scrollTo: (place: number) => void): number {
  const [atId, setAtId] = useState('');
  const last = useRef(-1);
  const navigate = useNavigate();
  const found = atId === '' ? -1 : rows.findIndex(({ id }) => id === atId);
  // Others come and go above it, and it keeps the place of its own; where it goes itself, the next one has its place.
  const at = found >= 0 || atId === '' ? found : Math.min(last.current, rows.length - 1);
  last.current = at;
  const current = rows[at];
  const go = (to: number) => {
    // From here on Enter opens the row: what had the focus would take it for itself.
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    const next = Math.min(Math.max(to, 0), rows.length - 1);
    setAtId(rows[next]?.id ?? '');
    scrollTo(next);
  };
  useShortcut('j', 'Next video', 'Videos', () => go(at + 1));
  useShortcut('k', 'Video before', 'Videos', () => go(at - 1));
  useShortcut('x', 'Choose it', 'Videos', () => current && selection.toggle(current.id));
  useShortcut(
    'Enter',
    'Open it',
    'Videos',
    () => current && void navigate({ to: '/videos/$assetId', params: { assetId: current.id } }),
  );
  return at;
}
