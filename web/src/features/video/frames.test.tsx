import { screen, waitFor, within } from '@testing-library/react';
import { expect, test } from 'vitest';
import { asset, caller, job, stage, summary, viewer } from '../../testing/facts';
import { show } from '../../testing/render';
import { type Asked, serve } from '../../testing/server';
import { Frames } from './frames';
import { described, expected, type FramesOutput, isOutput, outputOf, secondsOf, USUAL } from './frames-wish';

const CALLER = { 'GET /api/v1/caller': caller() };
const NO_JOBS = { 'GET /api/v1/jobs': { items: [], next_cursor: null }, 'GET /api/v1/jobs/job_a': job('job_a') };
const sent = (asked: Asked[], method: string) => asked.filter((one) => one.method === method);

const FRAMES: FramesOutput = {
  type: 'frames',
  pick: 'rate',
  rate: 2,
  every: 1,
  times: [],
  start: 0,
  format: 'jpeg',
  quality: 85,
};

/** A job of frames, and what lists show of it. */
function taking(id: string, changes: Parameters<typeof job>[1] = {}, output: Partial<FramesOutput> = {}) {
  const outputs = [{ ...FRAMES, ...output }];
  return job(id, { kind: 'frames', spec: { ...job(id).spec, outputs }, ...changes });
}

test('times are read as people write them', () => {
  expect(['83.5', '1:23.5', '1:02:03', ' 7 ', '', 'soon', '1:', '-4'].map(secondsOf)).toEqual([
    ...[83.5, 83.5, 3723, 7],
    ...[null, null, null, null],
  ]);
});

test('a wish is sent as the API has it, or says what is wrong with it', () => {
  expect(outputOf({ ...USUAL, pick: 'times', times: '2, 1:05.5', format: 'png', width: '640' })).toEqual({
    ...{ type: 'frames', pick: 'times', times: [2, 65.5], rate: 1, every: 1, start: 0 },
    ...{ format: 'png', quality: 85, width: 640 },
  });
  expect(outputOf({ ...USUAL, start: '0:05', end: '20' })).toMatchObject({ start: 5, end: 20, rate: 1 });
  const wrong = outputOf({ ...USUAL, rate: 'often', start: '9', end: '3', width: '-1' });
  expect(isOutput(wrong)).toBe(false);
  expect(Object.keys(wrong).sort()).toEqual(['end', 'rate', 'width']);
});

test('how many pictures there will be is told where it can be known', () => {
  expect(expected(FRAMES, 61_000, 30)).toBe(122);
  expect(expected({ ...FRAMES, start: 60 }, 61_000, 30)).toBe(2);
  expect(expected({ ...FRAMES, pick: 'every', every: 10, end: 1 }, 61_000, 30)).toBe(3);
  expect(expected({ ...FRAMES, pick: 'times', times: [1, 2] }, null, null)).toBe(2);
  expect(expected({ ...FRAMES, pick: 'scenes' }, 61_000, 30)).toBeNull();
});

test('an archive says which frames it has', () => {
  expect(described({ ...FRAMES, start: 5, end: 20, format: 'webp', width: 640 })).toBe(
    '2 a second, 0:05 to 0:20, WebP, 640 px wide',
  );
  expect(described({ ...FRAMES, pick: 'scenes' })).toBe('The first of each scene, JPEG');
});

test('frames are asked for out of the video itself', async () => {
  const asked = serve({ ...CALLER, ...NO_JOBS, 'POST /api/v1/jobs': taking('job_f') });
  const { user } = await show(<Frames asset={asset('a')} />);
  expect(await screen.findByText('No frames were taken yet')).toBeDefined();
  await user.selectOptions(screen.getByLabelText('Which frames'), 'Each n-th frame');
  await user.clear(screen.getByLabelText('One of how many'));
  await user.type(screen.getByLabelText('One of how many'), '10');
  await user.type(screen.getByLabelText('To'), '0:30');
  expect(screen.getByText('About 90 pictures.')).toBeDefined();
  await user.click(screen.getByRole('button', { name: 'Take them' }));
  expect(await screen.findByText('The frames are being taken.')).toBeDefined();
  expect(sent(asked, 'POST')[0]?.body).toEqual({
    input: { asset: 'a' },
    outputs: [{ ...FRAMES, pick: 'every', rate: 1, every: 10, end: 30 }],
  });
});

test('a wish that can’t be understood is not sent', async () => {
  const asked = serve({ ...CALLER, ...NO_JOBS });
  const { user } = await show(<Frames asset={asset('a')} />);
  await user.type(await screen.findByLabelText('From'), 'soon');
  await user.click(screen.getByRole('button', { name: 'Take them' }));
  expect(await screen.findByText('Write seconds, or a time such as 1:05.')).toBeDefined();
  expect(screen.getByLabelText('From').getAttribute('aria-invalid')).toBe('true');
  expect(sent(asked, 'POST')).toEqual([]);
});

test('archives fill, and are downloaded when they are there', async () => {
  const url = 'http://video.test/api/v1/jobs/job_done/frames.zip?output=0';
  const done = taking('job_done', { outputs: [{ type: 'frames', url, ready: true, size_bytes: 2_000_000 }] });
  const filling = stage('frames', { status: 'running', progress: { fraction: 0.42, frame: 51 } });
  const running = taking('job_now', { status: 'running', stages: [filling] }, { pick: 'scenes' });
  const asked = serve({
    ...CALLER,
    'GET /api/v1/jobs': { items: [summary('job_now'), summary('job_done')], next_cursor: null },
    'GET /api/v1/jobs/job_a': job('job_a'),
    'GET /api/v1/jobs/job_done': done,
    'GET /api/v1/jobs/job_now': running,
    'DELETE /api/v1/jobs/job_now': { ...running, status: 'cancelled' },
  });
  const { user } = await show(<Frames asset={asset('a')} />);
  const link = await screen.findByRole('link', { name: 'Download: 2 a second, JPEG' });
  expect(link.getAttribute('href')).toBe('/api/v1/jobs/job_done/frames.zip?output=0');
  expect(link.closest('tr')?.textContent).toContain('2.0 MB · ');
  const row = (await screen.findByText('51 pictures')).closest('tr') as HTMLElement;
  expect(within(row).getByRole('progressbar').getAttribute('aria-valuenow')).toBe('42');
  await user.click(within(row).getByRole('button', { name: /^Cancel/ }));
  await waitFor(() => expect(sent(asked, 'DELETE')).toHaveLength(1));
  expect(asked.find(({ path }) => path === '/api/v1/jobs')?.query.toString()).toBe('asset_id=a&kind=frames&limit=50');
});

test('frames that the video’s own job has taken are among them', async () => {
  const url = 'http://video.test/api/v1/jobs/job_a/frames.zip?output=1';
  const outputs = [{ type: 'frames' as const, url, ready: true, size_bytes: 5 }];
  const made = job('job_a', { spec: { ...job('').spec, outputs: [{ type: 'hls' }, FRAMES] }, outputs });
  serve({ ...CALLER, ...NO_JOBS, 'GET /api/v1/jobs/job_a': made });
  await show(<Frames asset={asset('a')} />);
  expect((await screen.findByRole('link', { name: /^Download/ })).getAttribute('href')).toContain('output=1');
  expect(screen.queryByRole('button', { name: /^Cancel/ })).toBeNull();
});

test('who may only look is not asked what to take', async () => {
  serve({ ...NO_JOBS, 'GET /api/v1/caller': viewer() });
  await show(<Frames asset={asset('a')} />);
  expect(await screen.findByText('No frames were taken yet')).toBeDefined();
  expect(screen.queryByRole('button', { name: 'Take them' })).toBeNull();
});

test('sound alone has no frames', async () => {
  serve(CALLER);
  await show(<Frames asset={asset('a', { facts: { audio: [] }, width_px: null })} />);
  expect(await screen.findByText('There is no picture to take frames of')).toBeDefined();
});
