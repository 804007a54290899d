import { screen } from '@testing-library/react';
import { expect, test } from 'vitest';
import { show } from '../../testing/render';
import { Refusal, serve } from '../../testing/server';
import { Legend } from './legend';

const STATES = { running: 'A node is at work on it.', dead: 'Trying again can not help.', held: 'It stands still.' };
const MACHINES = [
  { name: 'job', states: { queued: 'None of its tasks has begun.' }, initial: ['queued'], arrows: [] },
  { name: 'task', states: STATES, initial: ['running'], arrows: [] },
];

test('what the states of stages mean is told in the words of the platform, once one asks', async () => {
  const asked = serve({ 'GET /api/v1/states': { items: MACHINES } });
  const { user } = await show(<Legend />);
  expect(asked.filter(({ path }) => path === '/api/v1/states')).toEqual([]);
  const button = screen.getByRole('button', { name: 'What the states mean' });
  await user.click(button);
  expect((await screen.findByText('A node is at work on it.')).tagName).toBe('DD');
  expect(screen.getAllByRole('term').map(({ textContent }) => textContent)).toEqual(['Running', 'Failed', 'held']);
  expect(screen.queryByText('None of its tasks has begun.')).toBeNull();
  await user.click(button);
  expect(screen.queryByText('A node is at work on it.')).toBeNull();
});

test('where they are not told, it says so', async () => {
  serve({ 'GET /api/v1/states': new Refusal(400, 'broken', 'It is broken.') });
  const { user } = await show(<Legend />);
  await user.click(screen.getByRole('button', { name: 'What the states mean' }));
  expect(await screen.findByText('It is broken.')).toBeDefined();
});
