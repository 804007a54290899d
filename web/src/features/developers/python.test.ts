import { expect, test } from 'vitest';
import type { Made } from '../../api/made';
import { python } from './python';

const made = (method: string, path: string, body: Made['body'] = null): Made => ({
  method,
  url: `https://video.test/api/v1${path}`,
  body,
});
const TEXTS = { title: `it's "this" $HOME \\ שלום 🎬\nnext`, metadata: { 'a b': '' } };

// One of each kind: nothing and much in the path, the query and the body; an answer of each kind. `tests/house` reads
// them as Python, and asks the client whether it takes such calls.
const KINDS: Made[] = [
  made('GET', '/caller'),
  made('GET', '/assets/asset_1%2F2'),
  made('GET', '/assets?limit=50&sort=-created&status=ready&status=errored&q=a%20%22b%22&deleted=true'),
  made('PATCH', '/assets/asset_1', { json: { ...TEXTS, poster_time_ms: null } }),
  made('DELETE', '/assets/asset_1?permanent=true'),
  made('POST', '/jobs', {
    json: { input: 'https://example.com/a.mp4', outputs: ['hls', { type: 'frames', rate: 0.5 }] },
  }),
  made('DELETE', '/jobs/job_1'),
  made('POST', '/jobs/job_1/retry'),
  made('POST', '/webhooks/wh_1/deliveries/dlv_1/replay'),
  made('PUT', '/organization/logo', { file: 'image/png' }),
  made('GET', '/organization/logo'),
  made('GET', '/audit/export?format=csv'),
];

test('a request is a call of our own client', async () => {
  await expect(`${KINDS.map(python).join('\n# ---\n')}\n`).toMatchFileSnapshot('./python.golden.txt');
  for (const one of KINDS) expect(python(one)).not.toContain('client.http');
});

test('of two methods that fit, that counts whose path says more', () => {
  expect(python(made('GET', '/organization/logo'))).toContain('client.get_logo(');
  expect(python(made('GET', '/jobs/job_1'))).toContain('client.get_job(\n        "job_1",\n    )');
});

test('what the client has no method for goes over its connection', () => {
  const text = python(made('POST', '/nowhere?a=1', { json: { deep: [true, null] } }));
  expect(text).toContain('client.http.request(\n        "POST",\n        "/api/v1/nowhere?a=1",\n        json={');
  expect(text).toContain('True,');
});
