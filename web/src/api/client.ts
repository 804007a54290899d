import createFetchClient from 'openapi-fetch';
import createClient from 'openapi-react-query';
import { organizationHeader } from '../app/organization';
import { earlyAnswer } from './early';
import { remembering } from './made';
import type { components, paths } from './schema.gen';

export type Schemas = components['schemas'];
export type Scope = Schemas['Scope'];

/** The API over fetch, typed by its document. The browser's cookie says who asks. */
export const http = createFetchClient<paths>({
  baseUrl: window.location.origin,
  // Looked up at each call, so that tests can answer.
  fetch: async (request) => (await earlyAnswer(request)) ?? globalThis.fetch(request),
});

http.use({
  onRequest({ request }) {
    for (const [name, value] of Object.entries(organizationHeader())) {
      if (!request.headers.has(name)) request.headers.set(name, value);
    }
    return request;
  },
});
http.use(remembering);

/** The same as queries and mutations; a query's key is `[method, path, init]`. */
export const api = createClient(http);
