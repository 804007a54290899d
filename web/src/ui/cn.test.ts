import { expect, test } from 'vitest';
import { buttonVariants } from './button';
import { cn } from './cn';

test('names are put together, and what is not there is left out', () => {
  expect(cn('grid', false, undefined, ['gap-2', null])).toBe('grid gap-2');
});

test('two names that say the same are refused', () => {
  expect(() => cn('px-2', 'px-3')).toThrow('px-3');
});

test('no look of a button says a thing twice', () => {
  for (const variant of ['primary', 'outline', 'ghost', 'plain', 'field', 'danger', 'destructive', 'link'] as const) {
    for (const size of ['md', 'sm', 'icon', 'icon-sm', 'none'] as const) {
      expect(cn(buttonVariants({ variant, size }))).not.toBe('');
    }
  }
});
