import { screen } from '@testing-library/react';
import { afterEach, expect, test, vi } from 'vitest';
import { Videos } from '../features/videos/videos';
import { asset, caller } from '../testing/facts';
import { show } from '../testing/render';
import { type Asked, Refusal, serve } from '../testing/server';

const LIST = { tab: 'all', q: '', sort: '-created' } as const;

afterEach(() => {
  delete window.vidcomputeEarly;
  window.history.replaceState(null, '', '/');
});

/** Opens an address: what is asked for before the scripts are there. */
async function come(address: string): Promise<void> {
  window.history.replaceState(null, '', address);
  vi.resetModules();
  await import('./early');
}

const paths = (asked: Asked[]) => asked.map(({ path }) => path);

test('the list of videos is asked for once, before its scripts are there', async () => {
  localStorage.setItem('vidcompute-organization', 'org_2');
  const asked = serve({
    'GET /api/v1/caller': caller(),
    'GET /api/v1/assets': { items: [asset('a')], next_cursor: null },
  });
  await come('/dashboard/videos');
  expect(paths(asked)).toEqual(['/api/v1/caller', '/api/v1/assets']);
  expect(asked.map(({ headers }) => headers.get('X-Organization'))).toEqual(['org_2', 'org_2']);
  await show(<Videos wanted={LIST} view="table" onChange={() => undefined} />);
  expect(await screen.findByText('Title of a')).toBeDefined();
  expect(paths(asked)).toEqual(['/api/v1/caller', '/api/v1/assets']);
});

test('an answer is good for who asks in the same organization', async () => {
  const asked = serve({
    'GET /api/v1/caller': caller(),
    'GET /api/v1/assets': { items: [asset('a')], next_cursor: null },
  });
  await come('/dashboard/videos');
  localStorage.setItem('vidcompute-organization', 'org_2');
  await show(<Videos wanted={LIST} view="table" onChange={() => undefined} />);
  expect(await screen.findByText('Title of a')).toBeDefined();
  expect(asked.filter(({ path }) => path === '/api/v1/assets')).toHaveLength(2);
});

test('a list that was refused is asked for again', async () => {
  let refused = true;
  const asked = serve({
    'GET /api/v1/caller': caller(),
    'GET /api/v1/assets': () => {
      const answer = refused
        ? new Refusal(401, 'not_logged_in', 'Log in.')
        : { items: [asset('a')], next_cursor: null };
      refused = false;
      return answer;
    },
  });
  await come('/dashboard/videos');
  await show(<Videos wanted={LIST} view="table" onChange={() => undefined} />);
  expect(await screen.findByText('Title of a')).toBeDefined();
  expect(asked.filter(({ path }) => path === '/api/v1/assets')).toHaveLength(2);
});

test.each(['/dashboard/enter', '/dashboard/reset'])(
  'at %s nobody is logged in, and nothing is asked',
  async (address) => {
    const asked = serve({});
    await come(address);
    expect(asked).toEqual([]);
  },
);

test.each(['/dashboard', '/dashboard/videos?q=cat', '/dashboard/videos/asset_1'])(
  'at %s who it is is asked',
  async (address) => {
    const asked = serve({ 'GET /api/v1/caller': caller() });
    await come(address);
    expect(paths(asked)).toEqual(['/api/v1/caller']);
  },
);
