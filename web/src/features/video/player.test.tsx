import { render, waitFor } from '@testing-library/react';
import { beforeEach, expect, test, vi } from 'vitest';
import { serve } from '../../testing/server';
import VideoPlayer from './player';

const posters: (string | null)[] = [];

vi.mock('../../player/player', () => ({
  Player: class {
    readonly video = document.createElement('video');
    readonly setCover = () => undefined;
    readonly setSoundOnly = () => undefined;
    readonly setPoster = (url: string | null) => posters.push(url);
    readonly destroy = () => undefined;
  },
}));
vi.mock('../../watch/feed', () => ({
  Feed: class {
    readonly close = () => undefined;
  },
}));

beforeEach(() => posters.splice(0));

test('another moment chosen for the poster is seen without a reload', async () => {
  const asked = serve({ 'GET /watch/play/state': { poster_url: '/image/play/thumbnail.jpg?time=2' } });
  const { rerender } = render(<VideoPlayer handle="play" posterMs={null} />);
  rerender(<VideoPlayer handle="play" posterMs={null} />);
  expect(asked).toEqual([]);
  rerender(<VideoPlayer handle="play" posterMs={2_000} />);
  await waitFor(() => expect(posters).toEqual(['/image/play/thumbnail.jpg?time=2']));
  expect(asked).toHaveLength(1);
});

test('a poster that can’t be had leaves the one that is shown', async () => {
  const asked = serve({});
  const { rerender } = render(<VideoPlayer handle="play" posterMs={1_000} />);
  rerender(<VideoPlayer handle="play" posterMs={null} />);
  await waitFor(() => expect(asked).toHaveLength(1));
  expect(posters).toEqual([]);
});
