import { fireEvent, render, renderHook } from '@testing-library/react';
import { act } from 'react';
import { expect, test, vi } from 'vitest';
import { asset } from '../../testing/facts';
import { Picture } from './picture';
import { usePictured } from './pictured';

const sources = () => [...document.querySelectorAll('img')].map((image) => image.getAttribute('src'));

test('the first pictures come at once, others when they have been there for a moment, and stay', () => {
  vi.useFakeTimers();
  const { result, rerender } = renderHook(({ ids }) => [...usePictured(ids)], { initialProps: { ids: ['a', 'b'] } });
  expect(result.current).toEqual(['a', 'b']);
  rerender({ ids: ['c'] });
  act(() => vi.advanceTimersByTime(40));
  rerender({ ids: ['d'] });
  act(() => vi.advanceTimersByTime(200));
  expect(result.current).toEqual(['a', 'b', 'd']);
  rerender({ ids: ['a'] });
  expect(result.current).toContain('a');
});

test('a picture that is passed by is not fetched', () => {
  const { rerender } = render(<Picture asset={asset('a')} fetched={false} />);
  expect(sources()).toEqual([]);
  rerender(<Picture asset={asset('a')} />);
  expect(sources()).toEqual(['/image/playa/thumbnail.webp?width=320']);
});

test('a picture moves while the pointer is on it, and not where that only passes by', () => {
  vi.useFakeTimers();
  const { container } = render(<Picture asset={asset('a')} />);
  const picture = container.firstElementChild as HTMLElement;
  const still = '/image/playa/thumbnail.webp?width=320';
  fireEvent.pointerEnter(picture);
  fireEvent.pointerLeave(picture);
  act(() => vi.advanceTimersByTime(1_000));
  expect(sources()).toEqual([still]);
  fireEvent.pointerEnter(picture);
  act(() => vi.advanceTimersByTime(1_000));
  expect(sources()).toEqual([still, '/image/playa/preview.webp']);
  fireEvent.pointerLeave(picture);
  expect(sources()).toEqual([still]);
});

test('a video that is still made has no moving picture', () => {
  vi.useFakeTimers();
  const { container } = render(<Picture asset={asset('a', { status: 'playable' })} />);
  fireEvent.pointerEnter(container.firstElementChild as HTMLElement);
  act(() => vi.advanceTimersByTime(1_000));
  expect(sources()).toEqual(['/image/playa/thumbnail.webp?width=320']);
});
