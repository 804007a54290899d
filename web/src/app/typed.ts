import { type Dispatch, type SetStateAction, useState } from 'react';

/**
 * What is typed into a form that begins with what is set. What is set anew, here or by somebody else, is taken over; what
 * was typed meanwhile is not lost by it. `text` is what of a value counts.
 */
export function useTyped<T>(set: T, text: (value: T) => string = JSON.stringify): [T, Dispatch<SetStateAction<T>>] {
  const [base, setBase] = useState(set);
  const [typed, setTyped] = useState(set);
  if (text(base) !== text(set)) {
    setBase(set);
    if (text(typed) === text(base)) setTyped(set);
  }
  return [typed, setTyped];
}
