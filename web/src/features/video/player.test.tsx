import { render, waitFor } from '@testing-library/react';
import { beforeEach, expect, test, vi } from 'vitest';
import type { PlayerSource } from '../../player/player';
import { serve } from '../../testing/server';
import VideoPlayer from './player';

const posters: (string | null)[] = [];
const sources: PlayerSource[] = [];

vi.mock('../../player/player', () => ({
  Player: class {
    readonly video = document.createElement('video');
    readonly setCover = () => undefined;
    readonly setSoundOnly = () => undefined;
    readonly setPoster = (url: string | null) => posters.push(url);
    readonly setSource = (source: PlayerSource) => sources.push(source);
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

test('captions that come are offered by the player that plays', async () => {
  const captions = [{ id: 'track_1', name: 'Deutsch' }];
  const state = { status: 'ready', complete: true, stream_url: '/stream/play.m3u8?planned=1&texts=1', captions };
  serve({ 'GET /watch/play/state': { ...state, poster_url: null } });
  const { rerender, container } = render(<VideoPlayer handle="play" posterMs={null} />);
  const player = container.firstElementChild;
  rerender(<VideoPlayer handle="play" posterMs={null} texts={1} />);
  await waitFor(() => expect(sources).toEqual([{ streamUrl: state.stream_url, ready: null, texts: captions }]));
  expect(container.firstElementChild).toBe(player);
});

test('a poster that can’t be had leaves the one that is shown', async () => {
  const asked = serve({});
  const { rerender } = render(<VideoPlayer handle="play" posterMs={1_000} />);
  rerender(<VideoPlayer handle="play" posterMs={null} />);
  await waitFor(() => expect(asked).toHaveLength(1));
  expect(posters).toEqual([]);
});
