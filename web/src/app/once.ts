import { useRef, useState } from 'react';
import { sayProblem } from './messages';

/**
 * Work of which there is one at a time: who presses twice has it done once. And whether it is under way. What began it
 * keeps the focus: a button that is switched off meanwhile would lose it.
 */
export function useOnce<Given extends unknown[]>(
  work: (...given: Given) => Promise<unknown>,
): [(...given: Given) => void, boolean] {
  const [busy, setBusy] = useState(false);
  const running = useRef(false);
  const end = () => {
    running.current = false;
    setBusy(false);
  };
  const run = (...given: Given) => {
    if (running.current) return;
    running.current = true;
    setBusy(true);
    void work(...given)
      .catch(sayProblem)
      .finally(end);
  };
  return [run, busy];
}
