import { screen, within } from '@testing-library/react';
import { expect, test } from 'vitest';
import { asset, caller } from '../../testing/facts';
import { show } from '../../testing/render';
import { type Asked, serve } from '../../testing/server';
import { bitrate, codecName, language } from './track-words';
import { Tracks } from './tracks';

const CALLER = { 'GET /api/v1/caller': caller() };
const FACTS = {
  container: 'mov',
  size_bytes: 5_000_000,
  video: { codec: 'h264', profile: 'High', rotation: 90, hdr: false, interlaced: true },
  audio: [{ codec: 'aac', channels: 2, sample_rate: 48_000, language: 'deu' }],
};
const TEXTS = { 'GET /api/v1/assets/a/tracks': { items: [] } };
const RATES = { average_bps: 2_400_000, peak_bps: 3_100_000, size_bytes: 1_500_000 };
const PICTURE = {
  kind: 'video',
  codec: 'avc1.64001f',
  width: 1280,
  height: 720,
  frame_rate: 29.97,
  video_range: 'SDR',
};
const streamed = (asked: Asked[]) => asked.map(({ path }) => path).filter((path) => path.startsWith('/stream/'));
const SOUND = { kind: 'audio', codec: 'mp4a.40.2', language: 'fra', title: '<b>Director</b>', channels: 6 };

test('codecs, rates and languages are called as people call them', () => {
  expect(['avc1.640028', 'hvc1.1.6', 'av01.0.08M.08', 'vp09'].map(codecName)).toEqual(['H.264', 'HEVC', 'AV1', 'vp09']);
  expect([bitrate(128_000), bitrate(2_400_000)]).toEqual(['128 kbit/s', '2.4 Mbit/s']);
  expect(['fra', 'und', 'not a tag'].map(language)).toEqual(['French', 'Not said', 'not a tag']);
});

test('what players are offered is listed with codec, rate and size, beside what came in', async () => {
  const tracks = [
    { name: 'h264-720', ...PICTURE, ...RATES },
    { name: 'audio-0', ...SOUND, ...RATES },
  ];
  serve({ ...CALLER, ...TEXTS, 'GET /stream/playa/manifest.json': { tracks } });
  await show(<Tracks asset={asset('a', { facts: FACTS })} handle="playa" />);
  const rendition = within(await screen.findByRole('region', { name: 'Renditions' })).getAllByRole('row')[1];
  expect(rendition?.textContent).toContain('720p');
  expect(rendition?.textContent).toContain('1280 × 720');
  expect(rendition?.textContent).toContain('2.4 Mbit/s (at most 3.1 Mbit/s)');
  expect(rendition?.textContent).toContain('1.5 MB');
  const sound = within(screen.getByRole('region', { name: 'Sound' })).getAllByRole('row')[1];
  expect(sound?.textContent).toContain('French<b>Director</b>5.1AAC');
  const source = screen.getByRole('region', { name: 'Source' });
  expect(source.textContent).toContain('turned by 90°, interlaced');
  expect(source.textContent).toContain('German, Stereo, 48 kHz');
});

test('of a private video they are asked for by a pass', async () => {
  const asked = serve({ ...CALLER, ...TEXTS, 'GET /stream/playa~pass/manifest.json': { tracks: [] } });
  await show(<Tracks asset={asset('a', { playback_policy: 'signed' })} handle="playa~pass" />);
  expect(await screen.findByText('No streams were asked for.')).toBeDefined();
  expect(streamed(asked)).toEqual(['/stream/playa~pass/manifest.json']);
});

test('before all are made it says when they come', async () => {
  const asked = serve({ ...CALLER, ...TEXTS });
  await show(<Tracks asset={asset('a', { status: 'playable', facts: FACTS })} handle="playa" />);
  expect(await screen.findByText(/when all of them are made/)).toBeDefined();
  expect(screen.getByRole('region', { name: 'Source' })).toBeDefined();
  expect(streamed(asked)).toEqual([]);
});
