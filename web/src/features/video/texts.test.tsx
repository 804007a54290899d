import { screen, waitFor, within } from '@testing-library/react';
import { expect, test } from 'vitest';
import type { Schemas } from '../../api/client';
import { asset, caller, viewer } from '../../testing/facts';
import { show } from '../../testing/render';
import { type Asked, Refusal, serve } from '../../testing/server';
import { Texts } from './texts';
import { languageOfFile } from './track-words';

const CALLER = { 'GET /api/v1/caller': caller() };
const TRACKS = '/api/v1/assets/a/tracks';
const sent = (asked: Asked[], method: string) => asked.filter((one) => one.method === method);

function track(changes: Partial<Schemas['TextTrack']> = {}): Schemas['TextTrack'] {
  return {
    id: 'track_1',
    kind: 'subtitles',
    language: 'de',
    name: '<b>Deutsch</b>',
    default: false,
    autoselect: true,
    forced: false,
    cues: 412,
    end_ms: 59_000,
    size_bytes: 24_816,
    url: 'http://video.test/stream/playa/track_1/track.vtt',
    created_at: '2026-11-21T10:00:00Z',
    ...changes,
  };
}

test('the language of a file is in its name, or it is not', () => {
  const names = ['film.de.srt', 'film.pt-BR.VTT', 'film.srt', 'de.srt', 'film.part1.srt'];
  expect(names.map(languageOfFile)).toEqual(['de', 'pt-BR', '', '', '']);
});

test('texts are listed as they are, and fetched by a pass where one is needed', async () => {
  serve({ ...CALLER, [`GET ${TRACKS}`]: { items: [track({ kind: 'captions', default: true })] } });
  await show(<Texts asset={asset('a')} handle="playa~pass" />);
  const row = within(await screen.findByRole('region', { name: 'Text' })).getAllByRole('row')[1];
  expect(row?.textContent).toContain('German<b>Deutsch</b>CaptionsDefault41225 KB');
  const link = screen.getByRole('link', { name: 'Download: <b>Deutsch</b>' });
  expect(link.getAttribute('href')).toBe('/stream/playa~pass/track_1/track.vtt');
});

test('a file is added with what is said of it, by its name and by hand', async () => {
  const items: Schemas['TextTrack'][] = [];
  const asked = serve({
    ...CALLER,
    [`GET ${TRACKS}`]: () => ({ items }),
    [`POST ${TRACKS}`]: () => {
      items.push(track());
      return track();
    },
  });
  const { user } = await show(<Texts asset={asset('a')} handle="playa" />);
  expect(await screen.findByText('There are none.')).toBeDefined();
  await user.click(await screen.findByRole('button', { name: 'Add captions or subtitles' }));
  const file = new File(['{"a": 1}'], 'film.de.srt', { type: 'application/x-subrip' });
  await user.upload(screen.getByLabelText('File'), file);
  expect(screen.getByLabelText('Language')).toHaveProperty('value', 'de');
  expect(screen.getByText('German')).toBeDefined();
  await user.type(screen.getByLabelText('Name'), ' Deutsch ');
  await user.selectOptions(screen.getByLabelText('Kind'), 'captions');
  await user.click(screen.getByLabelText('Show it unless a viewer chooses'));
  await user.click(screen.getByRole('button', { name: 'Add it' }));
  expect(await screen.findByText('Viewers can choose it now.')).toBeDefined();
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  expect(await screen.findByText('<b>Deutsch</b>')).toBeDefined();
  const [post] = sent(asked, 'POST');
  expect(Object.fromEntries(post?.query ?? [])).toEqual({
    language: 'de',
    name: 'Deutsch',
    kind: 'captions',
    default: 'true',
  });
  expect(post?.headers.get('Content-Type')).toBe('application/x-subrip');
  expect(post?.body).toEqual({ a: 1 }); // as it is, whatever it is
});

test('a file that can’t be read is told of where it was chosen, in the server’s words', async () => {
  serve({
    ...CALLER,
    [`GET ${TRACKS}`]: { items: [] },
    [`POST ${TRACKS}`]: new Refusal(422, 'text_track_invalid', 'Line 7 can’t be read as two times.'),
  });
  const { user } = await show(<Texts asset={asset('a')} handle="playa" />);
  await user.click(await screen.findByRole('button', { name: 'Add captions or subtitles' }));
  await user.upload(screen.getByLabelText('File'), new File(['1'], 'film.vtt', { type: 'text/vtt' }));
  await user.type(screen.getByLabelText('Language'), 'en');
  await user.click(screen.getByRole('button', { name: 'Add it' }));
  expect((await screen.findByRole('alert')).textContent).toBe('Line 7 can’t be read as two times.');
  expect(screen.getByRole('dialog')).toBeDefined();
});

test('what viewers choose a text by is changed', async () => {
  let items = [track({ name: 'Deutsch' })];
  const asked = serve({
    ...CALLER,
    [`GET ${TRACKS}`]: () => ({ items }),
    [`PATCH ${TRACKS}/track_1`]: () => {
      items = [track({ name: 'German', default: true })];
      return items[0];
    },
  });
  const { user } = await show(<Texts asset={asset('a')} handle="playa" />);
  await user.click(await screen.findByRole('button', { name: 'Change Deutsch' }));
  const name = await screen.findByLabelText('Name');
  expect(name).toHaveProperty('value', 'Deutsch');
  await user.clear(name);
  await user.type(name, ' German');
  await user.click(screen.getByLabelText('Show it unless a viewer chooses'));
  await user.click(screen.getByRole('button', { name: 'Save' }));
  expect(await screen.findByText('Default')).toBeDefined();
  expect(screen.queryByRole('dialog')).toBeNull();
  const said = { language: 'de', name: 'German', kind: 'subtitles', default: true };
  expect(sent(asked, 'PATCH').map(({ body }) => body)).toEqual([said]);
});

test('a text is removed when one means it', async () => {
  let items = [track({ name: 'Deutsch' })];
  const asked = serve({
    ...CALLER,
    [`GET ${TRACKS}`]: () => ({ items }),
    [`DELETE ${TRACKS}/track_1`]: () => {
      items = [];
      return null;
    },
  });
  const { user } = await show(<Texts asset={asset('a')} handle="playa" />);
  await user.click(await screen.findByRole('button', { name: 'Remove Deutsch' }));
  await user.click(await screen.findByRole('button', { name: 'Cancel' }));
  expect(sent(asked, 'DELETE')).toEqual([]);
  await user.click(screen.getByRole('button', { name: 'Remove Deutsch' }));
  await user.click(await screen.findByRole('button', { name: 'Remove it' }));
  expect(await screen.findByText('There are none.')).toBeDefined();
  expect(sent(asked, 'DELETE').map(({ path }) => path)).toEqual([`${TRACKS}/track_1`]);
});

test('who may only look is offered neither', async () => {
  serve({ 'GET /api/v1/caller': viewer(), [`GET ${TRACKS}`]: { items: [track({ name: 'Deutsch' })] } });
  await show(<Texts asset={asset('a')} handle="playa" />);
  expect(await screen.findByText('Deutsch')).toBeDefined();
  expect(screen.queryByRole('button', { name: /^(Add|Change|Remove) / })).toBeNull();
});
