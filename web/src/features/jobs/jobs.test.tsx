import { screen, waitFor } from '@testing-library/react';
import { expect, test } from 'vitest';
import { asset, caller, job, stage, summary, viewer } from '../../testing/facts';
import { show } from '../../testing/render';
import { type Asked, serve } from '../../testing/server';
import { Jobs } from './jobs';
import { activity, byQueue } from './words';

const page = (...items: unknown[]) => ({ items, next_cursor: null });

test('the queue goes by priority, then by who came first', () => {
  const jobs = [
    summary('low', { priority: 'low' }),
    summary('second', { created_at: '2026-11-21T10:00:02Z' }),
    summary('high', { priority: 'high', created_at: '2026-11-21T10:00:09Z' }),
    summary('first', { created_at: '2026-11-21T10:00:01Z' }),
  ];
  expect(byQueue(jobs).map(({ id }) => id)).toEqual(['high', 'first', 'second', 'low']);
});

test('a job says what it is at, else what it waits for', () => {
  const stages = [stage('probe'), stage('encode', { status: 'running' }), stage('analyze', { status: 'placed' })];
  expect(activity(job('j', { stages }))).toBe('encode, analyze');
  const waiting = [stage('encode', { status: 'ready', waits_for: 'Waits for 4 cores on any node.' })];
  expect(activity(job('j', { stages: waiting }))).toBe('Waits for 4 cores on any node.');
});

test('the queue shows places and reasons', async () => {
  const waits = 'Waits for 4 cores on any node.';
  serve({
    'GET /api/v1/caller': caller(),
    'GET /api/v1/assets/asset_1': asset('asset_1'),
    'GET /api/v1/jobs': ({ query }: Asked) =>
      query.get('status') === 'running'
        ? page(summary('job_w', { status: 'running' }), summary('job_r', { status: 'running' }))
        : page(summary('job_low', { priority: 'low' }), summary('job_high', { priority: 'high' })),
    'GET /api/v1/jobs/job_r': job('job_r', {
      status: 'running',
      progress: { fraction: 0.25 },
      stages: [stage('encode', { status: 'running' })],
    }),
    'GET /api/v1/jobs/job_w': job('job_w', { status: 'running', stages: [stage('encode', { status: 'ready' })] }),
    'GET /api/v1/jobs/job_low': job('job_low', {
      status: 'queued',
      stages: [stage('encode', { status: 'ready', waits_for: waits })],
    }),
    'GET /api/v1/jobs/job_high': job('job_high', { status: 'queued', stages: [] }),
  });
  await show(<Jobs tab="queue" onTab={() => undefined} />);
  expect(await screen.findByText(waits)).toBeDefined();
  const rows = screen.getAllByRole('row').slice(1);
  expect(rows.map((row) => row.firstElementChild?.textContent)).toEqual(['▸', '1', '2', '3']);
  expect(rows[1]?.textContent).toContain('high');
  expect(rows[2]?.textContent).toContain('Running');
  expect(await screen.findByText('25 %')).toBeDefined();
});

test('dead letters are tried again, one by one and all together', async () => {
  const error = { code: 'encode_failed', detail: 'The encoder broke.' };
  const asked = serve({
    'GET /api/v1/caller': caller(),
    'GET /api/v1/assets/asset_1': asset('asset_1'),
    'GET /api/v1/jobs': page(summary('job_d', { status: 'failed', error })),
    'POST /api/v1/jobs/job_d/retry': job('job_d'),
    'POST /api/v1/jobs/requeue': { job_ids: ['job_d'], left: 0 },
  });
  const { user } = await show(<Jobs tab="dead" onTab={() => undefined} />);
  expect(await screen.findByText('The encoder broke.')).toBeDefined();
  expect(asked.find(({ path }) => path === '/api/v1/jobs')?.query.get('dead')).toBe('true');
  await user.click(screen.getByRole('button', { name: 'Try again' }));
  await user.click(screen.getByRole('button', { name: 'Try all again' }));
  await waitFor(() =>
    expect(asked.filter(({ method }) => method === 'POST').map(({ path }) => path)).toEqual([
      '/api/v1/jobs/job_d/retry',
      '/api/v1/jobs/requeue',
    ]),
  );
});

test('a job’s log is read where the job is listed', async () => {
  const entry = { stage: 'frames', task: 'frames', attempt_id: 'att_1', line: 1, at: null };
  serve({
    'GET /api/v1/caller': viewer(),
    'GET /api/v1/assets/asset_1': asset('asset_1'),
    'GET /api/v1/jobs': page(summary('job_f', { status: 'failed', kind: 'frames' })),
    'GET /api/v1/jobs/job_f': job('job_f', { status: 'failed', stages: [stage('frames')] }),
    'GET /api/v1/jobs/job_f/logs': page({ ...entry, level: 'error', message: 'No room for <b>pictures</b>' }),
  });
  const { user } = await show(<Jobs tab="failed" onTab={() => undefined} />);
  await user.click(await screen.findByRole('button', { name: 'Log of Title of asset_1' }));
  expect(await screen.findByText('No room for <b>pictures</b>')).toBeDefined();
  expect(screen.getByLabelText('Search the log')).toBeDefined();
  await user.click(screen.getByRole('button', { name: 'Log of Title of asset_1', expanded: true }));
  expect(screen.queryByText('No room for <b>pictures</b>')).toBeNull();
});

test('who may only look tries nothing again', async () => {
  serve({ 'GET /api/v1/caller': viewer(), 'GET /api/v1/jobs': page(summary('job_d', { status: 'failed' })) });
  await show(<Jobs tab="dead" onTab={() => undefined} />);
  expect(await screen.findByText('Failed', { selector: 'td *' })).toBeDefined();
  expect(screen.queryByRole('button', { name: /again/ })).toBeNull();
});

test('of many that wait those are shown whose turn is next, each at its place', async () => {
  const at = (second: number) => new Date(Date.UTC(2026, 10, 21, 10, 0, second)).toISOString();
  const newestFirst = Array.from({ length: 130 }, (_, place) =>
    summary(`job_${129 - place}`, { created_at: at(129 - place) }),
  );
  const asked = serve({
    'GET /api/v1/caller': caller(),
    'GET /api/v1/jobs': ({ query }: Asked) => {
      if (query.get('status') === 'running') return page();
      return query.has('cursor')
        ? page(...newestFirst.slice(100))
        : { items: newestFirst.slice(0, 100), next_cursor: 'more' };
    },
  });
  await show(<Jobs tab="queue" onTab={() => undefined} />);
  expect(await screen.findByText('80 more jobs wait.')).toBeDefined();
  const rows = screen.getAllByRole('row').slice(1);
  expect(rows).toHaveLength(50);
  expect(rows[0]?.firstElementChild?.textContent).toBe('1');
  const details = asked.map(({ path }) => path).filter((path) => path.startsWith('/api/v1/jobs/'));
  expect(details).toContain('/api/v1/jobs/job_0');
  expect(details).not.toContain('/api/v1/jobs/job_129');
});

test('a job of the queue is cancelled only when one means it', async () => {
  const asked = serve({
    'GET /api/v1/caller': caller(),
    'GET /api/v1/jobs': ({ query }: Asked) => (query.get('status') === 'running' ? page() : page(summary('job_q'))),
    'DELETE /api/v1/jobs/job_q': job('job_q'),
  });
  const { user } = await show(<Jobs tab="queue" onTab={() => undefined} />);
  await user.click(await screen.findByRole('button', { name: 'Cancel' }));
  expect(asked.filter(({ method }) => method === 'DELETE')).toEqual([]);
  await user.click(await screen.findByRole('button', { name: 'Cancel the job' }));
  await waitFor(() => expect(asked.filter(({ method }) => method === 'DELETE')).toHaveLength(1));
});
