import { type ClassValue, clsx } from 'clsx';

/**
 * Class names put together. No two of them may say the same: which one counts is for the style sheet, and not for their
 * order, to say. The tests of components refuse such names (`testing/setup.ts`).
 */
export function cn(...classes: ClassValue[]): string {
  return clsx(classes);
}
