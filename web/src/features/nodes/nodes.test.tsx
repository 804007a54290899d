import { screen } from '@testing-library/react';
import { expect, test, vi } from 'vitest';
import { show } from '../../testing/render';
import { serve } from '../../testing/server';
import { Nodes } from './nodes';

test('machines show what they have and what runs there', async () => {
  const complaints = vi.spyOn(console, 'error');
  const attempt = { id: 'att_1', job_id: 'job_1', stage: 'encode', label: 'encode/3', since: new Date().toISOString() };
  const node = {
    ...{
      name: 'laptop',
      cpu: 8,
      cpu_used: 2.5,
      memory_bytes: 16_000_000_000,
      memory_used_bytes: 4_000_000_000,
      gpu_memory_bytes: 24_000_000_000,
      gpus: ['NVIDIA L4', 'NVIDIA L4'],
      gpus_used: 0.5,
      encoders: ['h264_nvenc'],
    },
    ...{ decoders: [], simulated: false, cache_bytes: 0, cache_max_bytes: 0, running: 1, attempts: [attempt] },
  };
  serve({ 'GET /api/v1/nodes': { items: [node] } });
  await show(<Nodes />);
  expect(await screen.findByText('laptop')).toBeDefined();
  expect(screen.getByText('1 attempt running')).toBeDefined();
  const used = screen
    .getAllByRole('progressbar')
    .map((bar) => [bar.getAttribute('aria-label'), bar.getAttribute('aria-valuenow')]);
  expect(used).toEqual([
    ['Cores', '31'],
    ['Memory', '25'],
    ['GPUs', '25'],
  ]);
  expect(screen.getByText('2.5 of 8')).toBeDefined();
  expect(screen.getByText('4.0 GB of 16 GB')).toBeDefined();
  expect(screen.getAllByText('NVIDIA L4')).toHaveLength(2);
  expect(complaints).not.toHaveBeenCalled();
  expect(screen.getByText('h264_nvenc')).toBeDefined();
  expect(screen.getByRole('link', { name: 'encode/3' })).toBeDefined();
});

test('where no machine answers, that is said', async () => {
  serve({ 'GET /api/v1/nodes': { items: [] } });
  await show(<Nodes />);
  expect(await screen.findByText('No machine answers')).toBeDefined();
});
