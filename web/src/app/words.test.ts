import { expect, test } from 'vitest';
import { ago, bytes, clock, count, percent, took } from './words';

test('sizes are said in the unit that reads best', () => {
  expect([0, 999, 1_000, 1_440_000, 52_000_000_000].map(bytes)).toEqual(['0 B', '999 B', '1.0 KB', '1.4 MB', '52 GB']);
  expect(bytes(null)).toBe('–');
});

test('no size is a thousand of its unit', () => {
  expect([9_960, 999_600, 999_999_999, 2_500_000_000_000_000].map(bytes)).toEqual([
    '10 KB',
    '1.0 MB',
    '1.0 GB',
    '2500 TB',
  ]);
});

test('lengths read as on a player, and what something takes as people say it', () => {
  expect([0, 61_000, 3_723_400].map(clock)).toEqual(['0:00', '1:01', '1:02:03']);
  expect([4_200, 59_000, 185_000, 7_500_000].map(took)).toEqual(['4.2 s', '59 s', '3 min 5 s', '2 h 5 min']);
});

test('what was just now, minutes ago, and long ago', () => {
  const now = Date.parse('2026-11-21T12:00:00Z');
  expect(ago('2026-11-21T11:59:30Z', now)).toBe('just now');
  expect(ago('2026-11-21T11:55:00Z', now)).toBe('5 min. ago');
  expect(ago('2026-11-19T12:00:00Z', now)).toBe('2 days ago');
  expect(ago('2026-01-02T12:00:00Z', now)).toBe('Jan 2, 2026');
});

test('no time is sixty minutes or a day of hours ago', () => {
  const now = Date.parse('2026-11-21T12:00:00Z');
  expect(ago('2026-11-21T11:00:10Z', now)).toBe('59 min. ago');
  expect(ago('2026-11-20T12:10:00Z', now)).toBe('23 hr. ago');
  expect(ago('2026-11-21T11:59:10Z', now)).toBe('1 min. ago');
  expect(took(9_980)).toBe('10 s');
});

test('a hundred per cent is said when all is there, and not before', () => {
  expect([0, 0.999, 1, 1.2].map(percent)).toEqual(['0 %', '99 %', '100 %', '100 %']);
});

test('one is one, and many are many', () => {
  expect([count(1, 'video'), count(5_000, 'video'), count(2, 'copy', 'copies')]).toEqual([
    '1 video',
    '5,000 videos',
    '2 copies',
  ]);
});
