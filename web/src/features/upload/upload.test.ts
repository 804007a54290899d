import { expect, test, vi } from 'vitest';
import { Refusal, serve } from '../../testing/server';
import { looksPlayable } from './dropped';
import { jobOf, USUAL } from './options';
import { Pace } from './pace';
import { UploadQueue } from './queue';
import { begun, forgetFile, rememberFile, uploadOf } from './remembered';
import { words } from './upload-page';

interface Sending {
  url: string;
  started: number;
  aborted: number;
  options: {
    uploadUrl: string;
    headers: Record<string, string>;
    onProgress: (sent: number) => void;
    onSuccess: () => void;
    onError: (error: Error) => void;
  };
}

const { sendings } = vi.hoisted(() => ({ sendings: [] as Sending[] }));

vi.mock('tus-js-client', () => ({
  Upload: class {
    readonly sending: Sending;

    constructor(_: File, options: Sending['options']) {
      this.sending = { url: options.uploadUrl, started: 0, aborted: 0, options };
      sendings.push(this.sending);
    }

    start(): void {
      this.sending.started += 1;
    }

    async abort(): Promise<void> {
      this.sending.aborted += 1;
    }
  },
}));

const file = (name: string, size = 4) => new File(['x'.repeat(size)], name, { type: 'video/mp4', lastModified: 1 });

function upload(id: string, changes: Record<string, unknown> = {}) {
  return { id, status: 'uploading', url: `http://other.test/api/v1/uploads/${id}`, asset_id: null, ...changes };
}

function setUp(replies: Record<string, unknown>) {
  sendings.length = 0;
  let made = 0;
  const asked = serve({
    'POST /api/v1/uploads': () => {
      made += 1;
      return upload(`upl_${made}`);
    },
    ...replies,
  });
  const queue = new UploadQueue();
  const states = () => queue.shown().map(({ state }) => state);
  return { queue, asked, states };
}

test('files go two at a time, to where the page came from, and then the next', async () => {
  const { queue, asked, states } = setUp({
    'GET /api/v1/uploads/upl_1': upload('upl_1', { status: 'completed', asset_id: 'asset_1' }),
  });
  queue.add([file('a.mp4'), file('b.mp4'), file('c.mp4')], jobOf(USUAL));
  await vi.waitFor(() => expect(sendings).toHaveLength(2));
  expect(states()).toEqual(['sending', 'sending', 'waiting']);
  expect(sendings.map(({ url }) => url)).toEqual(['/api/v1/uploads/upl_1', '/api/v1/uploads/upl_2']);
  expect(asked[0]?.body).toEqual({
    name: 'a.mp4',
    size_bytes: 4,
    job: { outputs: ['hls', 'thumbnail', 'storyboard', 'preview'], playback_policy: 'public', priority: 'normal' },
  });
  sendings[0]?.options.onProgress(2);
  expect(queue.shown()[0]?.sentBytes).toBe(2);
  sendings[0]?.options.onSuccess();
  await vi.waitFor(() => expect(states()).toEqual(['done', 'sending', 'sending']));
  expect(queue.shown()[0]?.assetId).toBe('asset_1');
  expect(queue.isBusy()).toBe(true);
});

test('a pause stops the sending, and it goes on with the same upload', async () => {
  const { queue, states } = setUp({});
  queue.add([file('a.mp4')], {});
  await vi.waitFor(() => expect(sendings[0]?.started).toBe(1));
  const key = queue.shown()[0]?.key ?? 0;
  queue.pause(key);
  expect([sendings[0]?.aborted, states()]).toEqual([1, ['paused']]);
  queue.resume(key);
  await vi.waitFor(() => expect(sendings[0]?.started).toBe(2));
  expect(sendings).toHaveLength(1);
});

test('after a reload the same file goes on where it was, and another one begins anew', async () => {
  rememberFile('upl_old', file('a.mp4'));
  const { asked, queue } = setUp({ 'GET /api/v1/uploads/upl_old': upload('upl_old') });
  queue.add([file('a.mp4')], {});
  await vi.waitFor(() => expect(sendings).toHaveLength(1));
  expect(sendings[0]?.url).toBe('/api/v1/uploads/upl_old');
  expect(asked.filter(({ method }) => method === 'POST')).toEqual([]);
  expect(uploadOf(file('a.mp4', 5))).toBe('');
  expect(begun()).toEqual(new Set(['upl_old']));
  forgetFile('upl_old');
  expect(uploadOf(file('a.mp4'))).toBe('');
});

test('an upload that has ended meanwhile is begun anew', async () => {
  rememberFile('upl_old', file('a.mp4'));
  const { queue } = setUp({ 'GET /api/v1/uploads/upl_old': upload('upl_old', { status: 'expired' }) });
  queue.add([file('a.mp4')], {});
  await vi.waitFor(() => expect(sendings[0]?.url).toBe('/api/v1/uploads/upl_1'));
});

test('what the server refuses is told in its words, and the next file has its turn', async () => {
  const { queue, states } = setUp({
    'POST /api/v1/uploads': new Refusal(413, 'body_too_large', 'A file may have 64 GB at most.'),
  });
  queue.add([file('a.mp4'), file('b.mp4'), file('c.mp4')], {});
  await vi.waitFor(() => expect(states()).toEqual(['failed', 'failed', 'failed']));
  expect(queue.shown()[0]?.problem).toBe('A file may have 64 GB at most.');
});

test('what is given up is removed from the server', async () => {
  const { queue, asked } = setUp({ 'DELETE /api/v1/uploads/upl_1': null });
  queue.add([file('a.mp4')], {});
  await vi.waitFor(() => expect(sendings[0]?.started).toBe(1));
  await queue.cancel(queue.shown()[0]?.key ?? 0);
  expect(queue.shown()).toEqual([]);
  expect(asked.at(-1)).toMatchObject({ method: 'DELETE', path: '/api/v1/uploads/upl_1' });
  expect(uploadOf(file('a.mp4'))).toBe('');
});

test('what is given up while the server is asked for it is removed as well', async () => {
  const { queue, asked } = setUp({ 'DELETE /api/v1/uploads/upl_1': null });
  queue.add([file('a.mp4')], {});
  await queue.cancel(queue.shown()[0]?.key ?? 0);
  expect(asked.map(({ method }) => method)).toEqual(['POST', 'DELETE']);
  expect([sendings, begun().size]).toEqual([[], 0]);
});

test('what can’t be removed now is known here still', async () => {
  const { queue } = setUp({ 'DELETE /api/v1/uploads/upl_1': new Refusal(503, 'database_away', 'Away.') });
  queue.add([file('a.mp4')], {});
  await vi.waitFor(() => expect(sendings[0]?.started).toBe(1));
  await expect(queue.cancel(queue.shown()[0]?.key ?? 0)).rejects.toMatchObject({ code: 'database_away' });
  expect(begun()).toEqual(new Set(['upl_1']));
});

test('a file that is chosen twice is two uploads, of which one is given up alone', async () => {
  const { queue, asked } = setUp({
    'DELETE /api/v1/uploads/upl_2': null,
    'GET /api/v1/uploads/upl_1': upload('upl_1'),
  });
  queue.add([file('a.mp4')], {});
  await vi.waitFor(() => expect(sendings).toHaveLength(1));
  queue.add([file('a.mp4')], {});
  await vi.waitFor(() =>
    expect(sendings.map(({ url }) => url)).toEqual(['/api/v1/uploads/upl_1', '/api/v1/uploads/upl_2']),
  );
  await queue.cancel(queue.shown()[1]?.key ?? 0);
  expect(asked.at(-1)).toMatchObject({ method: 'DELETE', path: '/api/v1/uploads/upl_2' });
});

test('an upload that the server has no more is begun anew when one tries again', async () => {
  const { queue, states } = setUp({});
  queue.add([file('a.mp4')], {});
  await vi.waitFor(() => expect(sendings[0]?.started).toBe(1));
  const originalResponse = { getStatus: () => 404, getBody: () => '' };
  sendings[0]?.options.onError(Object.assign(new Error('gone'), { originalRequest: {}, originalResponse }));
  expect(states()).toEqual(['failed']);
  queue.resume(queue.shown()[0]?.key ?? 0);
  await vi.waitFor(() => expect(sendings[1]?.url).toBe('/api/v1/uploads/upl_2'));
});

test('the pace is that of the last seconds', () => {
  const pace = new Pace();
  expect(pace.at(0, 0)).toBe(0);
  expect(pace.at(1_000, 1_000)).toBe(1_000);
  expect(pace.at(1_000, 4_000)).toBe(250);
  expect(Math.round(pace.at(11_000, 8_000))).toBe(2_500);
});

test('where an upload stands is said in words', () => {
  const item = {
    key: 1,
    name: 'a',
    sizeBytes: 100_000_000,
    sentBytes: 25_000_000,
    speed: 5_000_000,
    problem: '',
    assetId: null,
  };
  expect(words({ ...item, state: 'sending' })).toBe('25 % of 100 MB · 5.0 MB/s · 15 s left');
  expect(words({ ...item, state: 'paused' })).toBe('Paused · 25 % of 100 MB');
  expect(words({ ...item, state: 'failed', problem: 'Too large.' })).toBe('Too large.');
});

test('of a folder those files are taken that can be played', () => {
  expect(looksPlayable({ name: 'a.MKV', type: '' })).toBe(true);
  expect(looksPlayable({ name: 'a', type: 'audio/mpeg' })).toBe(true);
  expect(looksPlayable({ name: 'notes.txt', type: 'text/plain' })).toBe(false);
});
