import { vi } from 'vitest';

/** A request that was made, as tests look at it. */
export interface Asked {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: Headers;
  body: unknown;
}

type Reply = unknown | ((asked: Asked) => unknown);

/** An answer that tells of a problem. */
export class Refusal {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly more: Record<string, unknown> = {},
  ) {}
}

function response(reply: unknown): Response {
  if (reply instanceof Response) return reply;
  if (reply instanceof Refusal) {
    const { status, code, detail, more } = reply;
    const problem = {
      type: `urn:vidcompute:problem:${code}`,
      title: code,
      status,
      code,
      detail,
      request_id: 'req_1',
      ...more,
    };
    return Response.json(problem, { status });
  }
  return reply === null ? new Response(null, { status: 204 }) : Response.json(reply);
}

/**
 * A server that answers by `"METHOD /path"`. What nobody has described is not there, and all that was asked is kept.
 * A reply is a document, null for an empty answer, a `Refusal`, or a function of the request, which may take its time.
 */
export function serve(replies: Record<string, Reply>): Asked[] {
  const asked: Asked[] = [];
  const answer = async (input: Request | string | URL, init?: RequestInit): Promise<Response> => {
    const request = input instanceof Request ? input : new Request(new URL(input, window.location.href), init);
    const { pathname, searchParams } = new URL(request.url);
    const text = request.method === 'GET' ? '' : await request.text();
    const one: Asked = {
      method: request.method,
      path: pathname,
      query: searchParams,
      headers: request.headers,
      body: text ? JSON.parse(text) : null,
    };
    asked.push(one);
    const reply = replies[`${one.method} ${pathname}`];
    if (reply === undefined)
      return response(new Refusal(404, 'not_found', `Nobody described ${one.method} ${pathname}.`));
    return response(typeof reply === 'function' ? await reply(one) : reply);
  };
  vi.stubGlobal('fetch', answer);
  return asked;
}
