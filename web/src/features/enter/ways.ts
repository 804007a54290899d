import { http } from '../../api/client';
import { told } from '../../api/problem';

/** How a try to come in ended: one is in, a code is asked for beside the password, or it is refused in these words. */
export type Outcome = { kind: 'in' } | { kind: 'code'; ticket: string } | { kind: 'refused'; detail: string };

/** Trades a key for one of this browser's own, which stands in a cookie. `once`: the key was made for this alone. */
export async function enterByKey(key: string, once: boolean): Promise<Outcome> {
  const { error } = await http.POST('/api/v1/browser-key', {
    headers: { Authorization: `Bearer ${key}` },
    body: { name: browserName(), once },
  });
  return error ? { kind: 'refused', detail: refusal(error, once) } : { kind: 'in' };
}

function refusal(error: unknown, once: boolean): string {
  const { code, detail } = told(error);
  const old = 'This link was used already, or is older than ten minutes. Get a new one by `vidctl dashboard`.';
  return once && code === 'invalid_api_key' ? old : detail;
}

export async function logIn(email: string, password: string): Promise<Outcome> {
  const { error } = await http.POST('/api/v1/login', { body: { email, password, kind: 'browser' } });
  return outcome(error);
}

export async function sendCode(ticket: string, code: string): Promise<Outcome> {
  const { error } = await http.POST('/api/v1/login/second-factor', { body: { ticket, code, kind: 'browser' } });
  return outcome(error);
}

function outcome(error: unknown): Outcome {
  if (!error) return { kind: 'in' };
  const ticket = (error as { ticket?: unknown }).ticket;
  if (typeof ticket === 'string') return { kind: 'code', ticket };
  return { kind: 'refused', detail: told(error).detail };
}

/** What the key is called in the list of keys: the browser and its system, as far as they say. */
export function browserName(agent = navigator.userAgent): string {
  const browser = /(Firefox|Edg|Chrome|Safari)\//.exec(agent)?.[1]?.replace('Edg', 'Edge') ?? 'Browser';
  const system = /(Windows|Mac OS X|Android|iPhone|iPad|Linux)/.exec(agent)?.[1]?.replace('Mac OS X', 'macOS');
  return system ? `${browser} on ${system}` : browser;
}
