import { act, screen, waitFor } from '@testing-library/react';
import { expect, test, vi } from 'vitest';
import { leaveFor } from '../../app/leave';
import { caller } from '../../testing/facts';
import { show } from '../../testing/render';
import { type Asked, Refusal, serve } from '../../testing/server';
import { Settings } from './settings';

vi.mock('../../app/leave', () => ({ leaveFor: vi.fn() }));

const organization = (changes: Record<string, unknown> = {}) => ({
  ...{ id: 'org_1', name: 'Films', slug: null, created_at: '2026-11-21T10:00:00Z' },
  ...{ logo_digest: null, second_factor_required: false },
  ...changes,
});
const person = caller({ key_id: null, person_id: 'ann', role: 'owner' });
const open = () => show(<Settings tab="organization" onTab={() => undefined} />);
const sent = (asked: Asked[], method: string) => asked.filter((one) => one.method === method);

test('a logo is chosen, seen, and taken away', async () => {
  let digest: string | null = null;
  const asked = serve({
    'GET /api/v1/caller': caller(),
    'GET /api/v1/organization': () => organization({ logo_digest: digest }),
    'GET /api/v1/organization/logo': () => new Response(new Blob(['picture'], { type: 'image/png' })),
    'PUT /api/v1/organization/logo': () => {
      digest = 'abc';
      return null;
    },
    'DELETE /api/v1/organization/logo': () => {
      digest = null;
      return null;
    },
  });
  const { user, container } = await open();
  const file = new File(['{"a": 1}'], 'logo.png', { type: 'image/png' });
  await user.upload(await screen.findByLabelText('File of the logo'), file);
  await waitFor(() => expect(container.querySelector('img')?.src).toMatch(/^data:image\/png/));
  expect(sent(asked, 'PUT')[0]?.headers.get('Content-Type')).toBe('image/png');
  expect(sent(asked, 'PUT')[0]?.body).toEqual({ a: 1 }); // as it is, whatever it is
  const picture = asked.find(({ method, path }) => method === 'GET' && path.endsWith('/logo'));
  expect(picture?.headers.get('X-Organization')).toBe('org_1');
  await user.click(screen.getByRole('button', { name: 'Take it away' }));
  await waitFor(() => expect(container.querySelector('img')).toBeNull());
});

test('a logo that is none is told in the server’s words', async () => {
  serve({
    'GET /api/v1/caller': caller(),
    'GET /api/v1/organization': organization(),
    'PUT /api/v1/organization/logo': new Refusal(422, 'logo_invalid', 'A logo is a picture: PNG, JPEG or WebP.'),
  });
  const { user } = await open();
  const file = new File(['"x"'], 'logo.png', { type: 'image/png' });
  await user.upload(await screen.findByLabelText('File of the logo'), file);
  expect(await screen.findByText('A logo is a picture: PNG, JPEG or WebP.')).toBeDefined();
});

test('a second factor is demanded only when one means it, and at once no more', async () => {
  let required = false;
  const asked = serve({
    'GET /api/v1/caller': person,
    'GET /api/v1/organization': () => organization({ second_factor_required: required }),
    'PATCH /api/v1/organization': ({ body }: Asked) => {
      required = (body as { second_factor_required: boolean }).second_factor_required;
      return organization({ second_factor_required: required });
    },
  });
  const { user } = await open();
  await user.click(await screen.findByLabelText('Every member needs one'));
  expect(sent(asked, 'PATCH')).toEqual([]);
  await user.click(await screen.findByRole('button', { name: 'Demand it' }));
  await waitFor(() => expect(screen.getByLabelText('Every member needs one')).toHaveProperty('checked', true));
  await user.click(screen.getByLabelText('Every member needs one'));
  await waitFor(() => expect(screen.getByLabelText('Every member needs one')).toHaveProperty('checked', false));
  const nothing = { name: null, slug: null };
  expect(sent(asked, 'PATCH').map(({ body }) => body)).toEqual([
    { ...nothing, second_factor_required: true },
    { ...nothing, second_factor_required: false },
  ]);
});

test('one leaves the organization when one means it', async () => {
  const asked = serve({
    'GET /api/v1/caller': person,
    'GET /api/v1/organization': organization(),
    'POST /api/v1/organization/leave': null,
  });
  const { user } = await open();
  await user.click(await screen.findByRole('button', { name: 'Leave the organization' }));
  await user.click(await screen.findByRole('button', { name: 'Leave it' }));
  await waitFor(() => expect(leaveFor).toHaveBeenCalledWith('/dashboard/'));
  expect(sent(asked, 'POST')).toHaveLength(1);
});

test('a shorter time is asked about, a longer one is not, and a clean-up goes on to its end', async () => {
  let parts = 2;
  let kept: unknown = { sources_s: 864_000, outputs_s: null, frames_s: null, logs_s: null };
  const old = { what: 'source', subject_id: 'src_1', name: '<b>old.mp4</b>', count: 1, size_bytes: 5_000_000 };
  const part = { expired: 0, purged: 0, sources: 1, frames: 0, logs: 0, freed_bytes: 5_000_000 };
  const asked = serve({
    'GET /api/v1/caller': caller(),
    'GET /api/v1/organization/retention': () => kept,
    'PATCH /api/v1/organization/retention': ({ body }: Asked) => {
      kept = body;
      return kept;
    },
    'GET /api/v1/cleanup': { at: '', items: [old], next_cursor: null },
    'POST /api/v1/cleanup': () => {
      parts -= 1;
      return { ...part, more: parts > 0 };
    },
  });
  const { user } = await show(<Settings tab="retention" onTab={() => undefined} />);
  const keep = async (days: string) => {
    const field = await screen.findByLabelText('Sources');
    await user.clear(field);
    await user.type(field, days);
    await user.click(screen.getByRole('button', { name: 'Save' }));
  };
  const reads = () => asked.filter(({ method, path }) => method === 'GET' && path.endsWith('/retention'));
  await keep('20');
  await waitFor(() => expect(reads()).toHaveLength(2));
  expect(await screen.findByText('What would go now')).toBeDefined();
  await keep('5');
  expect(sent(asked, 'PATCH')).toHaveLength(1);
  await user.click(await screen.findByRole('button', { name: 'Save it' }));
  await waitFor(() => expect(sent(asked, 'PATCH')[1]?.body).toMatchObject({ sources_s: 432_000 }));
  await user.click(await screen.findByRole('button', { name: 'Clean up now' }));
  expect(screen.getByText('1 thing, 5.0 MB')).toBeDefined();
  await user.click(await screen.findByRole('button', { name: 'Clean up' }));
  expect(await screen.findByText('Cleaned up: 10 MB are free again.')).toBeDefined();
  expect(sent(asked, 'POST')).toHaveLength(2);
});

test('what would go is shown for what one types, before it is saved', async () => {
  const old = { what: 'source', subject_id: 'src_1', name: 'old.mp4', count: 1, size_bytes: 5_000_000 };
  const asked = serve({
    'GET /api/v1/caller': caller(),
    'GET /api/v1/organization/retention': { sources_s: null, outputs_s: 864_000, frames_s: null, logs_s: null },
    'GET /api/v1/cleanup': ({ query }: Asked) => ({
      at: '',
      items: query.get('sources_s') === '432000' ? [old] : [],
      next_cursor: null,
    }),
  });
  const { user } = await show(<Settings tab="retention" onTab={() => undefined} />);
  await user.type(await screen.findByLabelText('Sources'), '5');
  await user.clear(screen.getByLabelText('Videos'));
  expect(await screen.findByText('old.mp4')).toBeDefined();
  expect(screen.getByText('What would go if you saved this')).toBeDefined();
  expect(screen.queryByRole('button', { name: 'Clean up now' })).toBeNull();
  await waitFor(() => expect(sent(asked, 'GET').at(-1)?.query.get('outputs_s')).toBe('ever'));
  expect(sent(asked, 'PATCH')).toEqual([]);
});

test('the audit log is exported as one says, with what is looked for', async () => {
  const saved: string[] = [];
  vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(function (this: HTMLAnchorElement) {
    saved.push(this.download);
  });
  const asked = serve({
    'GET /api/v1/caller': caller(),
    'GET /api/v1/audit': { items: [], next_cursor: null },
    'GET /api/v1/audit/export': () => new Response('a,b\n'),
  });
  const { user } = await show(<Settings tab="audit" onTab={() => undefined} />);
  await user.type(await screen.findByLabelText('Only this action'), 'asset.deleted');
  await user.click(screen.getByRole('button', { name: 'Export' }));
  await user.click(await screen.findByRole('menuitem', { name: /^CSV/ }));
  await waitFor(() => expect(saved).toEqual(['audit.csv']));
  const one = asked.find(({ path }) => path.endsWith('/export'));
  expect([one?.query.get('format'), one?.query.get('action')]).toEqual(['csv', 'asset.deleted']);
});

test('a name that is typed is not lost when another admin changes something, and a slug is not taken away', async () => {
  let name = 'Films';
  const asked = serve({
    'GET /api/v1/caller': caller(),
    'GET /api/v1/organization': () => organization({ name, slug: 'films' }),
  });
  const { user, queries } = await open();
  await user.type(await screen.findByLabelText('Name'), ' of mine');
  name = 'Theirs';
  await act(() => queries.invalidateQueries());
  await waitFor(() => expect(sent(asked, 'GET').filter(({ path }) => path.endsWith('/organization'))).toHaveLength(2));
  expect(screen.getByLabelText('Name')).toHaveProperty('value', 'Films of mine');
  await user.clear(screen.getByLabelText('Slug'));
  await user.click(screen.getByRole('button', { name: 'Save' }));
  expect(sent(asked, 'PATCH')).toEqual([]);
});
