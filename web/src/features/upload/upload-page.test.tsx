import { fireEvent, screen, waitFor } from '@testing-library/react';
import { beforeEach, expect, test, vi } from 'vitest';
import { asset, caller, job, viewer } from '../../testing/facts';
import { show } from '../../testing/render';
import { Refusal, serve } from '../../testing/server';
import { uploads } from './queue';
import { rememberFile } from './remembered';
import { UploadPage } from './upload-page';

const NOTHING = { 'GET /api/v1/uploads': { items: [], next_cursor: null } };
const film = (name: string, type = 'video/mp4') => new File(['1234'], name, { type, lastModified: 1 });

beforeEach(() => vi.restoreAllMocks());

/** An entry of what is dropped: a file, or a folder of some. */
function entry(file: File): unknown;
function entry(folder: readonly unknown[]): unknown;
function entry(what: File | readonly unknown[]): unknown {
  if (what instanceof File) return { isFile: true, file: (take: (file: File) => void) => take(what) };
  const pieces = [what, []];
  return {
    isFile: false,
    createReader: () => ({ readEntries: (take: (some: unknown) => void) => take(pieces.shift()) }),
  };
}

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

test('files and folders are dropped, of which what can be played is taken', async () => {
  const add = vi.spyOn(uploads, 'add').mockImplementation(() => undefined);
  serve({ ...NOTHING, 'GET /api/v1/caller': caller() });
  await show(<UploadPage />);
  const zone = await screen.findByRole('region', { name: 'Files' });
  const folder = entry([entry(film('inside.mp4')), entry(film('notes.txt', 'text/plain'))]);
  const items = [entry(film('alone.mp4')), folder].map((one) => ({ webkitGetAsEntry: () => one }));
  fireEvent.dragOver(zone);
  fireEvent.drop(zone, { dataTransfer: { items, files: [] } });
  await waitFor(() => expect(add).toHaveBeenCalledTimes(1));
  expect([...(add.mock.calls[0]?.[0] ?? [])].map(({ name }) => name)).toEqual(['alone.mp4', 'inside.mp4']);
});

test('a folder is chosen without a mouse as well', async () => {
  const add = vi.spyOn(uploads, 'add').mockImplementation(() => undefined);
  serve({ ...NOTHING, 'GET /api/v1/caller': caller() });
  const { user } = await show(<UploadPage />);
  expect(await screen.findByRole('button', { name: 'Choose a folder' })).toBeDefined();
  const field = screen.getByLabelText('Folder of videos');
  expect(field.hasAttribute('webkitdirectory')).toBe(true);
  await user.upload(field, [film('one.mp4'), film('cover.jpg', 'image/jpeg')]);
  expect([...(add.mock.calls[0]?.[0] ?? [])].map(({ name }) => name)).toEqual(['one.mp4']);
});

test('what could not be given up is there still', async () => {
  const left = { id: 'upl_1', name: 'film.mp4', status: 'uploading', offset_bytes: 2, size_bytes: 4 };
  rememberFile('upl_1', film('film.mp4'));
  serve({
    'GET /api/v1/caller': caller(),
    'GET /api/v1/uploads': { items: [left], next_cursor: null },
    'DELETE /api/v1/uploads/upl_1': new Refusal(503, 'database_away', 'The database is away.'),
  });
  const { user } = await show(<UploadPage />);
  await user.click(await screen.findByRole('button', { name: 'Give up film.mp4' }));
  await user.click(await screen.findByRole('button', { name: 'Give it up' }));
  expect(await screen.findByText('The database is away.')).toBeDefined();
  expect(screen.getByText('film.mp4')).toBeDefined();
});

test('what is not finished is given up only when one means it', async () => {
  const left = { id: 'upl_1', name: 'film.mp4', status: 'uploading', offset_bytes: 2, size_bytes: 4 };
  let items = [left];
  rememberFile('upl_1', film('film.mp4'));
  const asked = serve({
    'GET /api/v1/caller': caller(),
    'GET /api/v1/uploads': () => ({ items, next_cursor: null }),
    'DELETE /api/v1/uploads/upl_1': () => {
      items = [];
      return null;
    },
  });
  const { user } = await show(<UploadPage />);
  await user.click(await screen.findByRole('button', { name: 'Give up film.mp4' }));
  await user.click(await screen.findByRole('button', { name: 'Cancel' }));
  expect(asked.filter(({ method }) => method === 'DELETE')).toEqual([]);
  await user.click(screen.getByRole('button', { name: 'Give up film.mp4' }));
  await user.click(await screen.findByRole('button', { name: 'Give it up' }));
  await waitFor(() => expect(screen.queryByText('Not finished')).toBeNull());
  expect(asked.filter(({ method }) => method === 'DELETE')).toHaveLength(1);
});

test('an address is fetched once, however often one presses', async () => {
  const answers: ((answer: unknown) => void)[] = [];
  const asked = serve({
    ...NOTHING,
    'GET /api/v1/caller': caller(),
    'POST /api/v1/jobs': () => new Promise((resolve) => answers.push(resolve)),
    'GET /api/v1/assets/asset_1': asset('asset_1'),
  });
  const { user } = await show(<UploadPage />);
  await user.type(await screen.findByLabelText('Address'), 'https://example.com/a.mp4{Enter}{Enter}');
  await user.click(screen.getByRole('button', { name: 'Fetch it' }));
  await waitFor(() => expect(answers).toHaveLength(1));
  answers[0]?.(job('job_1'));
  expect(await screen.findByRole('link', { name: 'Watch it' })).toBeDefined();
  expect(asked.filter(({ method }) => method === 'POST')).toHaveLength(1);
});

test('what is dropped beside the place for it does not take the page away', async () => {
  serve({ ...NOTHING, 'GET /api/v1/caller': caller() });
  await show(<UploadPage />);
  await screen.findByRole('region', { name: 'Files' });
  const files = { dataTransfer: { types: ['Files'], dropEffect: 'copy' } };
  expect([fireEvent.dragOver(document.body, files), fireEvent.drop(document.body, files)]).toEqual([false, false]);
  const text = { dataTransfer: { types: ['text/plain'], dropEffect: 'copy' } };
  expect(fireEvent.drop(screen.getByLabelText('Address'), text)).toBe(true);
});

test('what becomes of a video is asked for the newest alone', async () => {
  const items = Array.from({ length: 30 }, (_, number) => ({
    ...{ key: number, name: `${number}.mp4`, sizeBytes: 4, sentBytes: 4, speed: 0 },
    ...{ state: 'done' as const, problem: '', assetId: `asset_${number}` },
  }));
  vi.spyOn(uploads, 'shown').mockReturnValue(items);
  const asked = serve({ ...NOTHING, 'GET /api/v1/caller': caller() });
  await show(<UploadPage />);
  expect(await screen.findAllByRole('link', { name: 'See how it goes' })).toHaveLength(10);
  const assets = new Set(asked.map(({ path }) => path).filter((path) => path.startsWith('/api/v1/assets/')));
  expect([assets.size, assets.has('/api/v1/assets/asset_29'), assets.has('/api/v1/assets/asset_0')]).toEqual([
    20,
    true,
    false,
  ]);
});
