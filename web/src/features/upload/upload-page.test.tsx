import { screen } from '@testing-library/react';
import { expect, test } from 'vitest';
import { asset, caller, job, viewer } from '../../testing/facts';
import { show } from '../../testing/render';
import { serve } from '../../testing/server';
import { UploadPage } from './upload-page';

const NOTHING = { 'GET /api/v1/uploads': { items: [], next_cursor: null } };

test('what is chosen is what the job is to make', async () => {
  const asked = serve({
    ...NOTHING,
    'GET /api/v1/caller': caller(),
    'POST /api/v1/jobs': job('job_1'),
    'GET /api/v1/assets/asset_1': asset('asset_1'),
  });
  const { user } = await show(<UploadPage />);
  await user.selectOptions(await screen.findByLabelText('Outputs'), 'To be watched, and an MP4');
  await user.selectOptions(screen.getByLabelText('Who may watch'), 'By signed links');
  await user.selectOptions(screen.getByLabelText('Priority'), 'High');
  await user.type(screen.getByLabelText('Address'), 'https://example.com/a.mp4');
  await user.click(screen.getByRole('button', { name: 'Fetch it' }));
  expect(await screen.findByRole('link', { name: 'Watch it' })).toBeDefined();
  expect(asked.find(({ method }) => method === 'POST')?.body).toEqual({
    input: 'https://example.com/a.mp4',
    outputs: ['hls', 'mp4', 'thumbnail', 'storyboard', 'preview'],
    playback_policy: 'signed',
    priority: 'high',
  });
});

test('who may not upload is told so, and is offered nothing', async () => {
  serve({ ...NOTHING, 'GET /api/v1/caller': viewer() });
  await show(<UploadPage />);
  expect(await screen.findByText('Not for you')).toBeDefined();
  expect(screen.queryByRole('button', { name: 'Choose files' })).toBeNull();
});
