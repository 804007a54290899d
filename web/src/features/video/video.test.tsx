import { act, fireEvent, screen, waitFor, within } from '@testing-library/react';
import { useState } from 'react';
import { expect, test, vi } from 'vitest';
import { asset, caller, job, stage, viewer } from '../../testing/facts';
import { show } from '../../testing/render';
import { type Asked, Refusal, serve } from '../../testing/server';
import { Details } from './details';
import { Files } from './files';
import { Logs, matching } from './logs';
import Processing from './processing';
import { codeOf, Sharing } from './sharing';
import { Video } from './video';

vi.mock('./player', () => ({ default: ({ handle }: { handle: string }) => <p>player of {handle}</p> }));

const CALLER = { 'GET /api/v1/caller': caller() };
const sent = (asked: Asked[], method: string) => asked.filter((one) => one.method === method);

test('a video shows its player, and is deleted with a way back', async () => {
  const asked = serve({ ...CALLER, 'GET /api/v1/assets/a': asset('a'), 'DELETE /api/v1/assets/a': null });
  const { user, router } = await show(<Video assetId="a" tab="sharing" onTab={() => undefined} />);
  expect(await screen.findByText('player of playa')).toBeDefined();
  expect(screen.getByRole('heading', { level: 1 }).textContent).toBe('Title of a');
  await user.click(screen.getByRole('button', { name: 'Delete' }));
  await waitFor(() => expect(router.state.location.pathname).toBe('/videos'));
  expect(await screen.findByRole('button', { name: 'Undo' })).toBeDefined();
  expect(sent(asked, 'DELETE')).toHaveLength(1);
});

test('a video that is still loaded has a heading', async () => {
  serve({ ...CALLER, 'GET /api/v1/assets/a': () => new Promise(() => undefined) });
  await show(<Video assetId="a" tab="sharing" onTab={() => undefined} />);
  expect(await screen.findByText('The video is loading')).toBeDefined();
  expect(screen.getByRole('heading', { level: 1 }).textContent).toBe('Video');
});

test('a private video is played by a signed link of one’s own', async () => {
  const secret = asset('a', { playback_policy: 'signed' });
  const urls = { ...secret.urls, watch: 'http://video.test/watch/playa~pass' };
  serve({
    ...CALLER,
    'GET /api/v1/assets/a': secret,
    'POST /api/v1/assets/a/signed-links': { expires_at: secret.created_at, urls },
  });
  await show(<Video assetId="a" tab="sharing" onTab={() => undefined} />);
  expect(await screen.findByText('player of playa~pass')).toBeDefined();
});

test('a private video that plays begins anew with no event and no deed', async () => {
  const secret = asset('a', { playback_policy: 'signed' });
  const asked: Asked[] = serve({
    ...CALLER,
    'GET /api/v1/assets/a': secret,
    'POST /api/v1/assets/a/signed-links': () => ({
      expires_at: secret.created_at,
      urls: { ...secret.urls, watch: `http://video.test/watch/playa~pass${sent(asked, 'POST').length}` },
    }),
  });
  const { queries } = await show(<Video assetId="a" tab="sharing" onTab={() => undefined} />);
  expect(await screen.findByText('player of playa~pass1')).toBeDefined();
  await act(() => queries.invalidateQueries());
  await waitFor(() => expect(queries.isFetching()).toBe(0));
  expect(screen.getByText('player of playa~pass1')).toBeDefined();
  expect(sent(asked, 'POST')).toHaveLength(1);
});

test('a video stays while the server is away, with its player and what one types', async () => {
  serve({ ...CALLER, 'GET /api/v1/assets/a': asset('a') });
  const { user, queries } = await show(<Video assetId="a" tab="details" onTab={() => undefined} />);
  await user.type(await screen.findByLabelText('Title'), ' typed');
  serve({ 'GET /api/v1/assets/a': new Refusal(503, 'database_away', 'The database is away.') });
  await act(() => queries.invalidateQueries({ queryKey: ['get', '/api/v1/assets/{asset_id}'] }));
  await waitFor(() =>
    expect(
      queries
        .getQueryCache()
        .getAll()
        .some(({ state }) => state.status === 'error'),
    ).toBe(true),
  );
  expect(screen.getByText('player of playa')).toBeDefined();
  expect(screen.getByLabelText('Title')).toHaveProperty('value', 'Title of a typed');
  serve({ 'GET /api/v1/assets/a': new Refusal(404, 'asset_not_found', 'There is no such video.') });
  await act(() => queries.invalidateQueries({ queryKey: ['get', '/api/v1/assets/{asset_id}'] }));
  expect(await screen.findByText('There is no such video.')).toBeDefined();
});

test('who may only look is offered no deletion', async () => {
  serve({ 'GET /api/v1/caller': viewer(), 'GET /api/v1/assets/a': asset('a', { metadata: { album: '2026' } }) });
  await show(<Video assetId="a" tab="details" onTab={() => undefined} />);
  expect(await screen.findByText('player of playa')).toBeDefined();
  expect(screen.queryByRole('button', { name: /^Delete/ })).toBeNull();
  expect(screen.queryByRole('button', { name: 'Save' })).toBeNull();
  expect(screen.getByText('2026')).toBeDefined();
});

test('a video goes for good only when one means it', async () => {
  const asked = serve({ ...CALLER, 'DELETE /api/v1/assets/a': null });
  const { user, router } = await show(<Details asset={asset('a')} />);
  await user.click(await screen.findByRole('button', { name: 'Delete it for good' }));
  const dialog = await screen.findByRole('alertdialog', { name: 'Delete this video for good?' });
  expect(sent(asked, 'DELETE')).toEqual([]);
  await user.click(within(dialog).getByRole('button', { name: 'Delete for good' }));
  expect(await screen.findByText('1 video deleted for good.')).toBeDefined();
  expect(sent(asked, 'DELETE').map(({ query }) => query.get('permanent'))).toEqual(['true']);
  expect(router.state.location.pathname).toBe('/videos');
});

test('title and metadata are saved together', async () => {
  const before = asset('a', { metadata: { album: '2025' } });
  const asked = serve({ ...CALLER, 'PATCH /api/v1/assets/a': before, 'GET /api/v1/assets/a': before });
  const { user } = await show(<Details asset={before} />);
  const title = await screen.findByLabelText('Title');
  await user.clear(title);
  await user.type(title, '  New title ');
  await user.clear(screen.getByLabelText('Value of album'));
  await user.type(screen.getByLabelText('Value of album'), '2026');
  await user.click(screen.getByRole('button', { name: 'Save' }));
  expect(await screen.findByText('Saved.')).toBeDefined();
  expect(sent(asked, 'PATCH')[0]?.body).toEqual({ title: 'New title', metadata: { album: '2026' } });
});

test('what one types of a video is not lost when somebody else changes it, and nothing is left out in silence', async () => {
  const before = asset('a', { metadata: { album: '2025' } });
  const asked = serve({ ...CALLER, 'PATCH /api/v1/assets/a': before, 'GET /api/v1/assets/a': before });
  let set: (next: typeof before) => void = () => undefined;
  function Changed() {
    const [shown, setShown] = useState(before);
    set = setShown;
    return <Details asset={shown} />;
  }
  const { user } = await show(<Changed />);
  const title = await screen.findByLabelText('Title');
  act(() => set({ ...before, title: 'Theirs' }));
  expect(title).toHaveProperty('value', 'Theirs');
  await user.type(title, ' and mine');
  act(() => set({ ...before, title: 'Theirs again' }));
  expect(title).toHaveProperty('value', 'Theirs and mine');
  await user.click(screen.getByRole('button', { name: 'Add a key' }));
  await user.type(screen.getByLabelText('Value of the new key'), 'lost');
  await user.click(screen.getByRole('button', { name: 'Save' }));
  expect(await screen.findByText('A value has no key.')).toBeDefined();
  await user.type(screen.getAllByLabelText('Key')[1] as HTMLElement, 'album');
  await user.click(screen.getByRole('button', { name: 'Save' }));
  expect(await screen.findByText('The key album is there twice.')).toBeDefined();
  expect(sent(asked, 'PATCH')).toEqual([]);
  await user.click(screen.getAllByRole('button', { name: 'Remove album' })[1] as HTMLElement);
  expect(document.activeElement).toBe(screen.getByRole('button', { name: 'Add a key' }));
  await user.click(screen.getByRole('button', { name: 'Save' }));
  await waitFor(() => expect(sent(asked, 'PATCH')).toHaveLength(1));
  expect(sent(asked, 'PATCH')[0]?.body).toEqual({ title: 'Theirs and mine', metadata: { album: '2025' } });
});

test('a link that can’t be signed is said', async () => {
  serve({ ...CALLER });
  const { user } = await show(<Sharing asset={asset('a', { playback_policy: 'signed' })} />);
  await screen.findByLabelText('A link that is good for');
  vi.stubGlobal('fetch', () => Promise.reject(new TypeError('no way there')));
  await user.click(screen.getByRole('button', { name: 'Sign it' }));
  expect(await screen.findByText('The server can’t be reached. Try again.')).toBeDefined();
});

test('the embed code is whole whatever the title is', () => {
  const code = codeOf(asset('a', { title: '"><script>alert(1)</script>' }));
  const frame = new DOMParser().parseFromString(code, 'text/html').querySelector('iframe');
  expect(frame?.getAttribute('title')).toBe('"><script>alert(1)</script>');
  expect(frame?.getAttribute('src')).toBe('http://video.test/embed/playa');
  expect(code).not.toContain('<script>');
});

test('who may watch is changed, and a link is signed for a time', async () => {
  const signed = asset('a', { playback_policy: 'signed' });
  const asked = serve({
    ...CALLER,
    'POST /api/v1/assets/a/signed-links': {
      expires_at: '2026-11-22T10:00:00Z',
      urls: { ...signed.urls, watch: 'http://video.test/watch/playa~pass' },
    },
    'PATCH /api/v1/assets/a': signed,
    'GET /api/v1/assets/a': signed,
  });
  const { user } = await show(<Sharing asset={signed} />);
  await user.selectOptions(await screen.findByLabelText('A link that is good for'), '1 hour');
  await user.click(screen.getByRole('button', { name: 'Sign it' }));
  expect(await screen.findByDisplayValue('http://video.test/watch/playa~pass')).toBeDefined();
  expect(sent(asked, 'POST')[0]?.body).toEqual({ expires_in_s: 3_600 });
  await user.selectOptions(screen.getByLabelText('It can be watched by'), 'password');
  await user.type(screen.getByLabelText('Password'), 'open sesame');
  await user.click(screen.getByRole('button', { name: 'Save' }));
  await waitFor(() =>
    expect(sent(asked, 'PATCH')[0]?.body).toEqual({ playback_policy: 'password', password: 'open sesame' }),
  );
});

test('files are offered for download when they are there', async () => {
  const items = [
    { type: 'mp4', url: 'http://video.test/stream/playa.mp4', ready: true, size_bytes: 1_500_000 },
    { type: 'hls', url: 'http://video.test/stream/playa.m3u8', ready: false, size_bytes: null },
  ];
  serve({ ...CALLER, 'GET /api/v1/assets/a/outputs': { items } });
  await show(<Files asset={asset('a')} handle="playa" />);
  const link = await screen.findByRole('link', { name: 'Download: MP4 file' });
  expect(link.getAttribute('href')).toBe('/stream/playa.mp4');
  expect(screen.queryByRole('link', { name: 'Download: HLS stream' })).toBeNull();
  expect(screen.getByText('1.5 MB')).toBeDefined();
});

test('each stage says how it goes, and what has ended runs again from where one wants', async () => {
  const failed = { code: 'encode_failed', detail: 'The encoder broke.' };
  const shown = job('job_a', {
    status: 'failed',
    error: failed,
    stages: [
      stage('probe'),
      stage('encode', { status: 'dead', error: failed, attempts: 3 }),
      stage('package', { status: 'waiting' }),
    ],
  });
  const asked = serve({
    ...CALLER,
    'GET /api/v1/jobs/job_a': shown,
    'GET /api/v1/jobs/job_a/attempts': { items: [], next_cursor: null },
    'GET /api/v1/jobs/job_a/logs': { items: [], next_cursor: null },
    'POST /api/v1/jobs/job_a/retry': { ...shown, status: 'queued' },
  });
  const { user } = await show(<Processing asset={asset('a', { status: 'errored' })} />);
  const encode = (await screen.findByText('encode', { selector: 'span' })).closest('li') as HTMLElement;
  expect(encode.textContent).toContain('Failed');
  expect(encode.textContent).toContain('3 attempts');
  await user.click(within(encode).getByRole('button', { name: 'Run again from encode' }));
  await waitFor(() => expect(sent(asked, 'POST')[0]?.body).toEqual({ resume_from: 'encode' }));
});

test('a job that runs is cancelled only when one means it', async () => {
  const running = job('job_a', { status: 'running', progress: { fraction: 0.5 } });
  const asked = serve({
    ...CALLER,
    'GET /api/v1/jobs/job_a': running,
    'GET /api/v1/jobs/job_a/attempts': { items: [], next_cursor: null },
    'GET /api/v1/jobs/job_a/logs': { items: [], next_cursor: null },
    'DELETE /api/v1/jobs/job_a': running,
  });
  const { user } = await show(<Processing asset={asset('a', { status: 'preparing' })} />);
  await user.click(await screen.findByRole('button', { name: 'Cancel' }));
  const dialog = await screen.findByRole('alertdialog', { name: 'Cancel this job?' });
  expect(sent(asked, 'DELETE')).toEqual([]);
  await user.click(within(dialog).getByRole('button', { name: 'Cancel the job' }));
  await waitFor(() => expect(sent(asked, 'DELETE')).toHaveLength(1));
});

const line = (message: string, level = 'info', number = 1) => ({
  stage: 'encode',
  task: 'encode',
  attempt_id: 'att_1',
  line: number,
  at: null,
  level,
  message,
});

test('a log is searched by its text and its level', () => {
  const lines = [
    line('Encoding frame 12'),
    line('Slow frames', 'warning'),
    line('Broken frame', 'error'),
    line('?', 'odd'),
  ];
  const found = (...wanted: [string, ('info' | 'warning' | 'error')?]) =>
    matching(lines, ...wanted).map(({ message }) => message);
  expect(found('FRAME')).toEqual(['Encoding frame 12', 'Slow frames', 'Broken frame']);
  expect(found('')).toHaveLength(4);
  expect(found('', 'warning')).toEqual(['Slow frames', 'Broken frame']);
  expect(found('broken', 'error')).toEqual(['Broken frame']);
});

test('what is sought in a log is sought in all of its lines, and levels are words', async () => {
  const many = Array.from({ length: 500 }, (_, number) => line(`frame ${number}`, 'info', number + 1));
  const asked = serve({
    ...CALLER,
    'GET /api/v1/jobs/job_a/logs': ({ query }: Asked) =>
      query.has('cursor')
        ? { items: [line('It broke', 'error', 501)], next_cursor: 'two' }
        : { items: many, next_cursor: 'one' },
  });
  const { user } = await show(<Logs job={job('job_a')} />);
  await screen.findByText('frame 499');
  expect(asked).toHaveLength(1);
  await user.selectOptions(screen.getByLabelText('Level'), 'Errors');
  const lines = await screen.findByRole('region', { name: 'Lines' });
  await waitFor(() => expect(lines.textContent).toContain('error It broke'));
  expect(screen.queryByText('frame 499')).toBeNull();
  await user.type(screen.getByLabelText('Search the log'), 'nothing like it');
  expect(await screen.findByText('No line is like this.')).toBeDefined();
});

test('the end of a log that grows is kept in sight, until one scrolls away from it', async () => {
  vi.spyOn(HTMLElement.prototype, 'scrollHeight', 'get').mockReturnValue(5_000);
  const items = [line('first')];
  serve({ ...CALLER, 'GET /api/v1/jobs/job_a/logs': () => ({ items: [...items], next_cursor: null }) });
  const { queries } = await show(<Logs job={job('job_a', { status: 'running' })} />);
  const lines = await screen.findByRole('region', { name: 'Lines' });
  expect(lines.scrollTop).toBe(5_000);
  const grow = async (message: string) => {
    items.push(line(message, 'info', items.length + 1));
    await act(() => queries.invalidateQueries());
    await screen.findByText(message);
  };
  lines.scrollTop = 100;
  fireEvent.scroll(lines);
  await grow('second');
  expect(lines.scrollTop).toBe(100);
  lines.scrollTop = 4_200;
  fireEvent.scroll(lines);
  await grow('third');
  expect(lines.scrollTop).toBe(5_000);
});
