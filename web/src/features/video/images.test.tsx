import { fireEvent, screen, waitFor } from '@testing-library/react';
import { expect, test } from 'vitest';
import { asset, caller, viewer } from '../../testing/facts';
import { show } from '../../testing/render';
import { type Asked, serve } from '../../testing/server';
import { pictureOf } from '../videos/asset';
import { Images } from './images';

const CALLER = { 'GET /api/v1/caller': caller() };
const OUTPUTS = {
  'GET /api/v1/assets/a/outputs': {
    items: [
      { type: 'preview', url: '', ready: true, size_bytes: 1 },
      { type: 'storyboard', url: '', ready: true, size_bytes: 1 },
    ],
  },
  'GET /image/playa/storyboard.json': { tiles: ['0', '0', '1'].map((n) => ({ sheet: `storyboard-${n}.jpg` })) },
};
const changes = (asked: Asked[]) => asked.filter(({ method }) => method === 'PATCH').map(({ body }) => body);
const at0 = () => 0;

test('any moment is looked at, and becomes the poster', async () => {
  const before = asset('a');
  const asked = serve({ ...CALLER, ...OUTPUTS, 'PATCH /api/v1/assets/a': before, 'GET /api/v1/assets/a': before });
  const { user } = await show(<Images asset={before} handle="playa" playerS={() => 12.34} />);
  const slider = await screen.findByRole('slider', { name: 'At 0:12.3' });
  fireEvent.change(slider, { target: { value: '30.5' } });
  await waitFor(() =>
    expect(screen.getByAltText('The video at 0:30.5').getAttribute('src')).toBe(
      '/image/playa/thumbnail.jpg?time=30.50&width=640',
    ),
  );
  await user.click(screen.getByRole('button', { name: 'Use this frame' }));
  expect(await screen.findByText('The poster is the picture at 0:30.5.')).toBeDefined();
  expect(changes(asked)).toEqual([{ poster_time_ms: 30_500 }]);
  await user.click(screen.getByRole('button', { name: 'Where the player is' }));
  expect(screen.getByRole('slider', { name: 'At 0:12.3' })).toBeDefined();
});

test('a poster that was chosen is shown by its time, and left to the job again', async () => {
  const chosen = asset('a', { poster_time_ms: 4_500 });
  const asked = serve({ ...CALLER, ...OUTPUTS, 'PATCH /api/v1/assets/a': chosen, 'GET /api/v1/assets/a': chosen });
  const { user } = await show(<Images asset={chosen} handle="playa" playerS={at0} />);
  expect((await screen.findByAltText('The poster now')).getAttribute('src')).toContain('&time=4.5');
  expect(pictureOf(chosen, 320)).toBe('/image/playa/thumbnail.webp?width=320&time=4.5');
  await user.click(screen.getByRole('button', { name: 'Chosen by itself' }));
  await waitFor(() => expect(changes(asked)).toEqual([{ poster_time_ms: null }]));
});

test('storyboard and preview are shown with addresses to take away', async () => {
  serve({ ...CALLER, ...OUTPUTS });
  await show(<Images asset={asset('a')} handle="playa" playerS={at0} />);
  expect((await screen.findByAltText('Sheet 2 of 2')).getAttribute('src')).toBe('/image/playa/storyboard-1.jpg');
  expect(screen.getByDisplayValue('http://video.test/image/playa/storyboard.vtt')).toBeDefined();
  expect(screen.getByDisplayValue('http://video.test/image/playa/preview.webp')).toBeDefined();
});

test('of a private video no address is offered that opens nothing', async () => {
  serve({ ...CALLER, ...OUTPUTS, 'GET /image/playa~pass/storyboard.json': { tiles: [] } });
  await show(<Images asset={asset('a', { playback_policy: 'signed' })} handle="playa~pass" playerS={at0} />);
  expect((await screen.findByAltText('The video at 0:00.0')).getAttribute('src')).toContain('/image/playa~pass/');
  expect(screen.queryByRole('button', { name: 'Copy' })).toBeNull();
});

test('who may only look chooses no poster', async () => {
  serve({ ...OUTPUTS, 'GET /api/v1/caller': viewer() });
  await show(<Images asset={asset('a')} handle="playa" playerS={at0} />);
  expect(await screen.findByRole('link', { name: 'Download' })).toBeDefined();
  expect(screen.queryByRole('button', { name: 'Use this frame' })).toBeNull();
});
