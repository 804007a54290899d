import { act, screen, waitFor, within } from '@testing-library/react';
import { expect, test } from 'vitest';
import { LiveProvider } from '../../app/live-context';
import { caller } from '../../testing/facts';
import { show } from '../../testing/render';
import { Refusal, serve } from '../../testing/server';
import { Developers } from './developers';

const told = (seq: number, type: string, subject_id = `asset_${seq}`) => ({
  ...{ type, version: 1, seq, organization_id: 'org_1', subject_id },
  ...{ timestamp: '2026-11-21T10:00:00.000Z', data: { title: `<b>${seq}</b>` } },
});
const TYPES = {
  items: ['asset.ready', 'asset.deleted', 'job.done'].map((name) => ({
    ...{ name, summary: name, version: 1, data_schema: {} },
  })),
};

const line = (one: ReturnType<typeof told>) => `id: ${one.seq}\nevent: ${one.type}\ndata: ${JSON.stringify(one)}\n\n`;

/** The page with a stream that the test writes to; it begins at number 700. */
async function open(list: unknown) {
  let stream: ReadableStreamDefaultController<Uint8Array> | undefined;
  const write = (text: string) => act(async () => stream?.enqueue(new TextEncoder().encode(text)));
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      stream = controller;
    },
  });
  const asked = serve({
    'GET /api/v1/caller': caller(),
    'GET /api/v1/event-types': TYPES,
    'GET /api/v1/events': list,
    'GET /api/v1/events/stream': () => new Response(body),
  });
  const shown = await show(
    <LiveProvider>
      <Developers tab="events" onTab={() => undefined} />
    </LiveProvider>,
  );
  await write('id: 700\nevent: cursor\ndata: {"seq":700}\n\n');
  const tell = (one: ReturnType<typeof told>) => write(line(one));
  return { ...shown, asked, tell, write, end: () => act(async () => stream?.close()) };
}

const types = () =>
  screen
    .getAllByRole('row')
    .slice(1)
    .map((row) => within(row).getByRole('button').textContent);

test('the last events are there, others come by themselves, and each shows its JSON as text', async () => {
  const { user, tell, asked } = await open({ items: [told(650, 'asset.ready')], next_cursor: '700' });
  await screen.findByRole('button', { name: 'asset.ready' });
  expect(asked.find(({ path }) => path === '/api/v1/events')?.query.get('cursor')).toBe('200');
  await tell(told(701, 'job.done', 'job_1'));
  await waitFor(() => expect(types()).toEqual(['job.done', 'asset.ready']));
  await user.click(screen.getByRole('button', { name: 'asset.ready' }));
  expect(screen.getByRole('region', { name: 'Event 650' }).textContent).toContain('"title": "<b>650</b>"');
});

test('one type is looked at alone, and a pause holds back what comes', async () => {
  const { user, tell } = await open({
    items: [told(650, 'asset.ready'), told(651, 'job.done')],
    next_cursor: '700',
  });
  await screen.findByRole('button', { name: 'job.done' });
  await screen.findByRole('option', { name: 'asset.*' });
  await user.selectOptions(screen.getByLabelText('Only this type'), 'asset.*');
  expect(types()).toEqual(['asset.ready']);
  await user.click(screen.getByRole('button', { name: 'Pause' }));
  await tell(told(701, 'asset.deleted'));
  expect(await screen.findByText('Paused, 1 new')).toBeDefined();
  expect(types()).toEqual(['asset.ready']);
  await user.click(screen.getByRole('button', { name: 'Go on' }));
  expect(types()).toEqual(['asset.deleted', 'asset.ready']);
});

test('those that one has stopped to read are not pushed out by what comes', async () => {
  const { user, write } = await open({ items: [told(650, 'asset.ready')], next_cursor: '700' });
  await screen.findByRole('button', { name: 'asset.ready' });
  await user.click(screen.getByRole('button', { name: 'Pause' }));
  const many = Array.from({ length: 510 }, (_, number) => line(told(701 + number, 'job.done')));
  await write(many.join(''));
  expect(await screen.findByText('Paused, 500 new')).toBeDefined();
  expect(types()).toEqual(['asset.ready']);
});

test('a lost connection is seen', async () => {
  const { end } = await open({ items: [], next_cursor: '700' });
  expect(await screen.findByText('Live')).toBeDefined();
  expect(screen.getByText('Nothing of this kind yet')).toBeDefined();
  await end();
  expect(await screen.findByText('Connection lost')).toBeDefined();
});

test('where old events are not kept any more, those are shown that are', async () => {
  const { asked } = await open((one: { query: URLSearchParams }) =>
    one.query.has('cursor')
      ? new Refusal(410, 'events_expired', 'Gone.')
      : { items: [told(690, 'job.done')], next_cursor: '700' },
  );
  expect(await screen.findByRole('button', { name: 'job.done' })).toBeDefined();
  expect(asked.filter(({ path }) => path === '/api/v1/events')).toHaveLength(2);
});
