import { screen, within } from '@testing-library/react';
import { expect, test } from 'vitest';
import type { Schemas } from '../../api/client';
import { asset, caller, job, stage } from '../../testing/facts';
import { show } from '../../testing/render';
import { serve } from '../../testing/server';
import { standing } from './plan';
import { layoutOf } from './plan-layout';
import Processing from './processing';

type Step = Schemas['PlanStep'];

function step(id: string, needs: string[], options: Record<string, unknown> = {}): Step {
  const cost = { cpu_s: 1, wall_s: 1 };
  return { id, stage: id.split('/')[0] ?? id, version: 1, encoder: '', options, inputs: { of: needs }, cost };
}

const RUNGS = { rungs: [{ name: 'h264-1080' }, { name: 'hevc-720' }] };
const STEPS = [
  step('probe', ['source']),
  step('poster', ['source', 'probe']),
  step('audio/0', ['source']),
  step('encode/0', ['source'], RUNGS),
  step('encode/1', ['source'], RUNGS),
  step('package', ['encode/0', 'encode/1', 'audio/0']),
  step('mp4/720', ['encode/0', 'encode/1', 'probe']),
];
const STAGES = ['fetch', 'probe', 'poster', 'audio', 'encode', 'package', 'mp4'];

test('each stage stands to the right of what it needs, and the parts of one are one', () => {
  const { boxes, layers } = layoutOf(STAGES, STEPS);
  expect(Object.fromEntries(boxes.map(({ name, layer }) => [name, layer]))).toEqual({
    ...{ fetch: 0, probe: 1, poster: 2, audio: 2, encode: 2 },
    ...{ package: 3, mp4: 3 },
  });
  expect(layers).toBe(4);
  expect(boxes.find(({ name }) => name === 'encode')?.detail).toBe('1080p, hevc-720');
  expect(boxes.find(({ name }) => name === 'mp4')?.detail).toBe('720p');
});

test('a line leads to what directly comes of a stage, and to nothing that comes of that', () => {
  const lines = layoutOf(STAGES, STEPS).lines.map(({ from, to }) => `${from} ${to}`);
  expect(lines.sort()).toEqual([
    ...['audio package', 'encode mp4', 'encode package', 'fetch probe'],
    ...['probe audio', 'probe encode', 'probe poster'],
  ]);
});

test('no stage stands on another, and all are within the picture', () => {
  for (const count of [1, 2, 5, 9]) {
    const leaves = Array.from({ length: count }, (_, number) => step(`leaf${number}`, ['encode/0']));
    const stages = [...STAGES, ...leaves.map(({ stage: name }) => name)];
    const { boxes, rows } = layoutOf(stages, [...STEPS, ...leaves]);
    for (const one of boxes) {
      expect(one.row).toBeGreaterThanOrEqual(0);
      expect(one.row).toBeLessThanOrEqual(rows - 1);
      const near = boxes.filter((other) => other.layer === one.layer && Math.abs(other.row - one.row) < 1);
      expect(near).toEqual([one]);
    }
  }
});

test('stages whose parts take turns are drawn as well', () => {
  const turns = [step('one/0', ['source']), step('two/0', ['one/0']), step('one/1', ['two/0'])];
  expect(layoutOf(['one', 'two'], turns).boxes).toHaveLength(2);
});

test('how a stage stands is said in words', () => {
  const words = [
    stage('encode', { status: 'running', tasks: 20, tasks_done: 14, progress: { fraction: 0.71 } }),
    stage('probe', { reused: 1 }),
    stage('package', { status: 'waiting', duration_ms: null }),
    stage('poster'),
    stage('encode', { tasks: 3, tasks_done: 3 }),
  ].map(standing);
  expect(words).toEqual(['Running, 14 of 20, 71 %', 'Done before', 'To come', 'Done, 2.0 s', 'Done, 3 parts, 2.0 s']);
});

const RUNNING = job('job_a', {
  status: 'running',
  stages: [
    stage('probe'),
    stage('encode', { status: 'running', tasks: 2, tasks_done: 1, progress: { fraction: 0.5 } }),
    stage('package', { status: 'waiting' }),
  ],
});
const ATTEMPT = {
  id: 'att_1',
  task_id: 'task_1',
  stage: 'encode',
  task: 'encode/1',
  number: 1,
  node: 'laptop',
  outcome: 'ok',
  error: null,
  placed_at: '2026-11-21T10:00:00Z',
  started_at: null,
  ended_at: null,
  spent: { cpu_s: 6, wall_s: 3 },
  max_rss_bytes: 300_000_000,
  size_bytes: 4_000_000,
  logs_key: 'k',
};
const LINE = { stage: 'encode', task: 'encode/1', attempt_id: 'att_1', line: 1, at: null, level: 'info' };

function replies(shown: Schemas['Job']) {
  return {
    'GET /api/v1/caller': caller(),
    'GET /api/v1/jobs/job_a': shown,
    'GET /api/v1/jobs/job_a/plan': {
      nodes: STEPS.filter(({ stage: name }) => ['probe', 'encode', 'package'].includes(name)),
      notes: ['audio-0 is copied.'],
      cost: { cpu_s: 1, wall_s: 1 },
    },
    'GET /api/v1/jobs/job_a/attempts': { items: [ATTEMPT], next_cursor: null },
    'GET /api/v1/jobs/job_a/logs': { items: [{ ...LINE, message: 'Encoding frame 12' }], next_cursor: null },
  };
}

test('a stage of the picture shows its attempts and its log, by keyboard too', async () => {
  const asked = serve(replies(RUNNING));
  const { user } = await show(<Processing asset={asset('a', { status: 'preparing' })} />);
  const picture = await screen.findByRole('region', { name: 'The plan' });
  expect(within(picture).getAllByRole('button')).toHaveLength(3);
  const encode = within(picture).getByRole('button', { name: /^encode/ });
  expect(encode.textContent).toContain('Running, 1 of 2, 50 %');
  encode.focus();
  await user.keyboard('{Enter}');
  expect(encode.getAttribute('aria-pressed')).toBe('true');
  const place = within(screen.getByRole('region', { name: 'The stage encode' }));
  const attempts = await place.findByRole('region', { name: 'Attempts at encode' });
  expect(attempts.textContent).toContain('laptop');
  expect(attempts.textContent).toContain('3.0 s6.0 s (2.0 cores)300 MB4.0 MB');
  expect((await place.findByRole('region', { name: 'Lines of encode' })).textContent).toContain('Encoding frame 12');
  const wanted = asked.filter(({ query }) => query.get('stage') === 'encode').map(({ path }) => path);
  expect(new Set(wanted)).toEqual(new Set(['/api/v1/jobs/job_a/attempts', '/api/v1/jobs/job_a/logs']));
  await user.click(place.getByRole('button', { name: 'Close the stage' }));
  expect(screen.queryByRole('region', { name: 'The stage encode' })).toBeNull();
});

test('why the plan is as it is can be read below it', async () => {
  serve(replies(RUNNING));
  const { user } = await show(<Processing asset={asset('a')} />);
  await user.click(await screen.findByText('Why it is made so'));
  expect(screen.getByText('audio-0 is copied.')).toBeDefined();
});

test('before there is a plan none is asked for', async () => {
  const asked = serve(replies(job('job_a', { status: 'running', stages: [stage('probe', { status: 'running' })] })));
  await show(<Processing asset={asset('a', { status: 'preparing' })} />);
  expect(await screen.findByRole('listitem')).toBeDefined();
  expect(asked.filter(({ path }) => path.endsWith('/plan'))).toEqual([]);
  expect(screen.queryByRole('region', { name: 'The plan' })).toBeNull();
});
