import { act, renderHook } from '@testing-library/react';
import { expect, test } from 'vitest';
import { useTyped } from './typed';

const typing = (set: { name: string }) => renderHook(({ set }) => useTyped(set), { initialProps: { set } });

test('what is set anew is taken over where nobody has typed', () => {
  const { result, rerender } = typing({ name: 'Films' });
  rerender({ set: { name: 'Movies' } });
  expect(result.current[0]).toEqual({ name: 'Movies' });
});

test('what was typed is not lost by what somebody else has set, and by what is the same', () => {
  const { result, rerender } = typing({ name: 'Films' });
  act(() => result.current[1]({ name: 'Films of m' }));
  rerender({ set: { name: 'Films' } });
  rerender({ set: { name: 'Movies' } });
  expect(result.current[0]).toEqual({ name: 'Films of m' });
});

test('what was typed and saved is what is set, and follows it again', () => {
  const { result, rerender } = typing({ name: 'Films' });
  act(() => result.current[1]({ name: 'Movies' }));
  rerender({ set: { name: 'Movies' } });
  rerender({ set: { name: 'Clips' } });
  expect(result.current[0]).toEqual({ name: 'Clips' });
});
