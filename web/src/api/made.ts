import type { Middleware } from 'openapi-fetch';

/** A request that was made of the API, as a program would make it again. */
export interface Made {
  method: string;
  url: string;
  /** What was sent: null for nothing, JSON, or a file of this type. */
  body: null | { json: unknown } | { file: string };
}

const MOST = 12;
const HIDDEN = '…';
// What people alone can do is nothing for programs; and what is asked at every page tells nothing of this one.
const LEFT_OUT =
  /^\/api\/v1\/(me|login|logout|register|verify-email|forgot-password|reset-password|browser-key|ways-in|caller|devices|organizations|invitations\/(view|accept))(\/|$)/;
const SECRET = /password|secret|token|private_key|credential|^code$/;

const bodies = new WeakMap<Request, Promise<Made['body']>>();
let made: readonly Made[] = [];

/** What the pages made last of the API and got an answer to, the newest first, each once. */
export function lastMade(): readonly Made[] {
  return made;
}

/** Whether it changed something. */
export function changes({ method }: Made): boolean {
  return method !== 'GET';
}

/** Remembers what is asked and answered. Secrets that were typed are not among it, and headers aren't. */
export const remembering: Middleware = {
  onRequest({ request }) {
    if (!LEFT_OUT.test(new URL(request.url).pathname)) bodies.set(request, bodyOf(request));
    return request;
  },
  async onResponse({ request, response }) {
    const body = bodies.get(request);
    if (body && response.ok) remember({ method: request.method, url: request.url, body: await body });
    return response;
  },
};

async function bodyOf(request: Request): Promise<Made['body']> {
  const type = request.headers.get('Content-Type');
  if (request.method === 'GET' || !type) return null;
  if (!type.startsWith('application/json')) return { file: type };
  const text = await request.clone().text();
  return text ? { json: withoutSecrets(JSON.parse(text)) } : null;
}

function remember(one: Made): void {
  const others = made.filter(({ method, url }) => changes(one) || method !== one.method || url !== one.url);
  made = [one, ...others].slice(0, MOST);
}

function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== 'object' || value === null) return value;
  const pairs = Object.entries(value).map(([name, inner]) => [
    name,
    SECRET.test(name) && inner !== null ? HIDDEN : withoutSecrets(inner),
  ]);
  return Object.fromEntries(pairs);
}
