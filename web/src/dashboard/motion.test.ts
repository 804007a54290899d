import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const texts = import.meta.glob(['../**/*.tsx', '!../**/*.test.tsx'], {
  query: '?raw',
  import: 'default',
  eager: true,
}) as Record<string, string>;

// A colour on its way from one theme, or state, to the next is one that nobody has chosen: text on it may not be readable.
test('no colour of the dashboard goes over into another', () => {
  const moving = Object.entries(texts).filter(([, text]) => /transition-(colors|all)|["' ]transition["' ]/.test(text));
  expect(moving.map(([path]) => path)).toEqual([]);
});

// `transition-duration` alone is a transition of every property of what has it.
test('who wants less motion gets no transitions, and not short ones of everything', () => {
  const reduced =
    readFileSync('src/dashboard/dashboard.css', 'utf8').split('@media (prefers-reduced-motion: reduce)')[1] ?? '';
  expect(reduced).toContain('transition: none');
  expect(reduced.replace(/\/\*[\s\S]*?\*\//g, '')).not.toMatch(/-duration/);
});
