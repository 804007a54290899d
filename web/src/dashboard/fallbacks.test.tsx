import { screen, waitFor } from '@testing-library/react';
import { beforeEach, expect, test, vi } from 'vitest';
import { loadAnew } from '../app/leave';
import { noticeLost } from '../app/lost';
import { show } from '../testing/render';
import { Broken } from './fallbacks';

vi.mock('../app/leave', () => ({ loadAnew: vi.fn() }));
beforeEach(() => vi.mocked(loadAnew).mockClear());
noticeLost();

/** As the browser says that a script could not be fetched, where Vite hears of it first. */
function lostScript(): TypeError {
  const error = new TypeError('Failed to fetch dynamically imported module: https://video.test/pages/assets/a.js');
  window.dispatchEvent(Object.assign(new Event('vite:preloadError'), { payload: error }));
  return error;
}

const open = (error: unknown) => show(<Broken error={error as Error} reset={() => undefined} />);

test('a page whose script could not be fetched is loaded anew once there is an answer', async () => {
  const ask = vi.fn().mockRejectedValueOnce(new TypeError('no line')).mockResolvedValue(new Response());
  vi.stubGlobal('fetch', ask);
  const { user } = await open(lostScript());
  expect(await screen.findByText('This page did not come')).toBeDefined();
  await user.click(screen.getByRole('button', { name: 'Try again' }));
  await waitFor(() => expect(screen.getByRole('button', { name: 'Try again' })).toHaveProperty('disabled', false));
  expect(loadAnew).not.toHaveBeenCalled();
  await user.click(screen.getByRole('button', { name: 'Try again' }));
  await waitFor(() => expect(loadAnew).toHaveBeenCalledTimes(1));
});

test('it comes by itself when the connection is back', async () => {
  vi.stubGlobal('fetch', async () => new Response());
  await open(lostScript());
  await screen.findByText('This page did not come');
  window.dispatchEvent(new Event('online'));
  await waitFor(() => expect(loadAnew).toHaveBeenCalledTimes(1));
});

test('the router has no reason left to load the page anew by itself', () => {
  expect(lostScript().message).not.toMatch(/dynamically imported module|Importing a module script/);
});

test('another error is told as it is', async () => {
  await open(new Error('It broke.'));
  expect(await screen.findByText('It broke.')).toBeDefined();
  expect(screen.queryByText('This page did not come')).toBeNull();
});
