import { afterEach, expect, test, vi } from 'vitest';
import { type Connection, Live, type LiveEvent } from './live';

/** A stream of events whose pieces the test sends. */
class Stream {
  private controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  readonly body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      this.controller = controller;
    },
  });

  send(text: string): void {
    this.controller?.enqueue(new TextEncoder().encode(text));
  }

  end(): void {
    this.controller?.close();
  }
}

interface Call {
  headers: Record<string, string>;
  signal: AbortSignal;
}

function setUp(answers: (Stream | number)[]) {
  const calls: Call[] = [];
  vi.stubGlobal('fetch', async (_: string, init: Call) => {
    calls.push(init);
    const answer = answers.shift();
    if (answer === undefined) throw new TypeError('no way there');
    return typeof answer === 'number' ? new Response(null, { status: answer }) : new Response(answer.body);
  });
  const events: LiveEvent[] = [];
  const connections: Connection[] = [];
  let gaps = 0;
  const live = new Live({
    path: '/events',
    headers: () => ({ 'X-Organization': 'org_1' }),
    onEvent: (event) => events.push(event),
    onGap: () => {
      gaps += 1;
    },
    onConnection: (connection) => connections.push(connection),
  });
  running.push(live);
  return { calls, events, connections, gaps: () => gaps };
}

const running: Live[] = [];

afterEach(() => {
  for (const live of running.splice(0)) live.close();
});

const told = (id: number, type: string) =>
  `id: ${id}\nevent: ${type}\ndata: {"subject_id":"asset_${id}","data":{"n":${id}}}\n\n`;

test('events come as they are told, whatever pieces the network makes of them', async () => {
  const stream = new Stream();
  const { events, calls, connections } = setUp([stream]);
  const text = told(7, 'asset.ready');
  stream.send(text.slice(0, 20));
  stream.send(`${text.slice(20)}: still here\n\nid: 8\nevent: cursor\ndata: {"seq":8}\n\n`);
  await vi.waitFor(() => expect(events).toEqual([{ type: 'asset.ready', subjectId: 'asset_7', data: { n: 7 } }]));
  expect(calls[0]?.headers).toMatchObject({ 'X-Organization': 'org_1', Accept: 'text/event-stream' });
  expect(connections).toEqual(['open']);
});

test('a stream that broke goes on after the last event, and says meanwhile that it is lost', async () => {
  const [first, second] = [new Stream(), new Stream()];
  const { events, calls, connections } = setUp([first, second]);
  first.send(told(7, 'job.done'));
  await vi.waitFor(() => expect(events).toHaveLength(1));
  first.end();
  await vi.waitFor(() => expect(calls).toHaveLength(2), 3_000);
  expect(calls[1]?.headers['Last-Event-ID']).toBe('7');
  second.send(told(8, 'job.done'));
  await vi.waitFor(() => expect(events).toHaveLength(2));
  expect(connections).toEqual(['open', 'lost', 'open']);
});

test('what came before a stream began may be old, and is asked for anew once', async () => {
  const [first, second] = [new Stream(), new Stream()];
  const { events, gaps } = setUp([first, second]);
  expect(gaps()).toBe(0);
  first.send(told(7, 'job.done'));
  await vi.waitFor(() => expect(events).toHaveLength(1));
  first.end();
  second.send(told(8, 'job.done'));
  await vi.waitFor(() => expect(events).toHaveLength(2), 5_000);
  expect(gaps()).toBe(1);
});

test('where the server has forgotten what followed, everything is asked for anew', async () => {
  const [first, second] = [new Stream(), new Stream()];
  const { events, calls, gaps } = setUp([first, 410, second]);
  first.send(told(7, 'job.done'));
  await vi.waitFor(() => expect(events).toHaveLength(1));
  first.end();
  await vi.waitFor(() => expect(calls).toHaveLength(3), 5_000);
  second.send(told(90, 'job.done'));
  await vi.waitFor(() => expect(gaps()).toBe(2));
  expect(calls[2]?.headers['Last-Event-ID']).toBeUndefined();
});

test('without a network it is lost at once, and goes on when there is one again', async () => {
  const [first, second] = [new Stream(), new Stream()];
  const { events, calls, connections } = setUp([first, second]);
  first.send(told(7, 'job.done'));
  await vi.waitFor(() => expect(events).toHaveLength(1));
  window.dispatchEvent(new Event('offline'));
  expect(connections).toEqual(['open', 'lost']);
  window.dispatchEvent(new Event('online'));
  await vi.waitFor(() => expect(calls).toHaveLength(2));
  expect(calls[1]?.headers['Last-Event-ID']).toBe('7');
});

test('a page that is not seen has no stream, and goes on when it is', async () => {
  const [first, second] = [new Stream(), new Stream()];
  const { events, calls } = setUp([first, second]);
  first.send(told(7, 'job.done'));
  await vi.waitFor(() => expect(events).toHaveLength(1));
  const visibility = vi.spyOn(document, 'visibilityState', 'get').mockReturnValue('hidden');
  document.dispatchEvent(new Event('visibilitychange'));
  expect(calls[0]?.signal.aborted).toBe(true);
  visibility.mockReturnValue('visible');
  document.dispatchEvent(new Event('visibilitychange'));
  await vi.waitFor(() => expect(calls).toHaveLength(2));
  expect(calls[1]?.headers['Last-Event-ID']).toBe('7');
  visibility.mockRestore();
});
