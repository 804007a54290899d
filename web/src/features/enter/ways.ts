import { useQueryClient } from '@tanstack/react-query';
import { useRouter } from '@tanstack/react-router';
import { useCallback } from 'react';
import { answered } from '../../api/answered';
import { http } from '../../api/client';
import { told } from '../../api/problem';

const KEPT_AS = 'vidcompute-next';

/** Trades a key for one of this browser's own, which stands in a cookie. `once`: the key was made for this alone. */
export async function enterByKey(key: string, once: boolean): Promise<void> {
  const { error } = await http.POST('/api/v1/browser-key', {
    headers: { Authorization: `Bearer ${key}` },
    body: { name: browserName(), once },
  });
  if (!error) return;
  const isOld = once && told(error).code === 'invalid_api_key';
  const old = 'This link was used already, or is older than ten minutes. Get a new one by `vidctl dashboard`.';
  throw isOld ? new Error(old) : error;
}

/** Begins a session; where a code is asked for beside the password, what comes back is the ticket to send it with. */
export async function logIn(email: string, password: string): Promise<string> {
  const { error } = await http.POST('/api/v1/login', { body: { email, password, kind: 'browser' } });
  const { ticket } = (error ?? {}) as { ticket?: unknown };
  if (typeof ticket === 'string') return ticket;
  if (error) throw error;
  return '';
}

export async function sendCode(ticket: string, code: string): Promise<void> {
  await answered(http.POST('/api/v1/login/second-factor', { body: { ticket, code, kind: 'browser' } }));
}

/** Goes on below the dashboard, and nowhere else; what was known of who was there before is forgotten. */
export function useGo(): (next: string) => Promise<void> {
  const queries = useQueryClient();
  const router = useRouter();
  return useCallback(
    async (next) => {
      queries.clear();
      const to = next.startsWith('/') && !next.startsWith('//') ? next : '/';
      router.history.push(to.startsWith('/dashboard') ? to : `/dashboard${to}`);
      await router.invalidate();
    },
    [queries, router],
  );
}

/** Keeps where one wants to go while one is at a provider: one comes back to the page where one logs in. */
export function keepNext(next: string): void {
  sessionStorage.setItem(KEPT_AS, next);
}

/** Where one wanted to go before; once. */
export function takeNext(): string {
  const next = sessionStorage.getItem(KEPT_AS) ?? '';
  sessionStorage.removeItem(KEPT_AS);
  return next;
}

/** What the key is called in the list of keys: the browser and its system, as far as they say. */
export function browserName(agent = navigator.userAgent): string {
  const browser = /(Firefox|Edg|Chrome|Safari)\//.exec(agent)?.[1]?.replace('Edg', 'Edge') ?? 'Browser';
  const system = /(Windows|Mac OS X|Android|iPhone|iPad|Linux)/.exec(agent)?.[1]?.replace('Mac OS X', 'macOS');
  return system ? `${browser} on ${system}` : browser;
}
