import { screen } from '@testing-library/react';
import { expect, test } from 'vitest';
import { asset, caller, job, stage, summary } from '../../testing/facts';
import { show } from '../../testing/render';
import { type Asked, serve } from '../../testing/server';
import { Overview } from './overview';

const page = (...items: unknown[]) => ({ items, next_cursor: null });

test('what runs, what wants a hand, the last videos and what is used are seen at once', async () => {
  const error = { code: 'encode_failed', detail: 'The encoder broke.' };
  const lists: Record<string, unknown> = {
    running: page(summary('job_r', { status: 'running' })),
    queued: page(summary('job_q'), summary('job_p')),
  };
  serve({
    'GET /api/v1/caller': caller(),
    'GET /api/v1/jobs': ({ query }: Asked) =>
      lists[query.get('status') ?? ''] ?? page(summary('job_d', { status: 'failed', error })),
    'GET /api/v1/jobs/job_r': job('job_r', {
      status: 'running',
      progress: { fraction: 0.6 },
      stages: [stage('encode', { status: 'running' })],
      asset: asset('asset_1', { title: 'On its way' }),
    }),
    'GET /api/v1/assets': page(asset('asset_9', { title: 'The last one' })),
    'GET /api/v1/quotas': {
      organization_id: 'org_1',
      items: [
        { name: 'stored_bytes', limit: null, own: false, used: 5_000_000, reserved: 0, left: null, free_at: null },
      ],
    },
    'GET /api/v1/nodes': { items: [] },
  });
  await show(<Overview />);
  expect(await screen.findByText('On its way')).toBeDefined();
  expect(screen.getByText('encode 60 %')).toBeDefined();
  expect(await screen.findByText('2 jobs waiting')).toBeDefined();
  expect((await screen.findByRole('alert')).textContent).toContain('1 job gave up. The encoder broke.');
  expect(await screen.findByText('The last one')).toBeDefined();
  expect(await screen.findByText('5.0 MB · no limit')).toBeDefined();
  expect(await screen.findByText('No machine answers: nothing can be run.')).toBeDefined();
});

test('of many that run and wait it is said that there are more', async () => {
  const many = (status: 'running' | 'queued', number: number) =>
    Array.from({ length: number }, (_, place) => summary(`job_${status}_${place}`, { status }));
  serve({
    'GET /api/v1/caller': caller(),
    'GET /api/v1/jobs': ({ query }: Asked) => {
      if (query.get('status') === 'running') return page(...many('running', 8));
      return query.has('dead') ? page() : { items: many('queued', 100), next_cursor: 'more' };
    },
    'GET /api/v1/assets': page(),
    'GET /api/v1/nodes': { items: [] },
  });
  await show(<Overview />);
  expect(await screen.findByRole('link', { name: '2 more jobs run' })).toBeDefined();
  expect(screen.getByText('more than 100 jobs waiting')).toBeDefined();
});
