import { act, fireEvent, render, screen } from '@testing-library/react';
import { expect, test, vi } from 'vitest';
import { say } from '../app/messages';
import { Messages } from './messages';

function open() {
  vi.useFakeTimers();
  render(
    <>
      <button type="button">Here</button>
      <Messages />
    </>,
  );
  const here = screen.getByRole('button', { name: 'Here' });
  here.focus();
  return here;
}

const pass = (ms: number) => act(() => vi.advanceTimersByTime(ms));

test('what is said goes after a while, but not from under who is about to press', () => {
  open();
  act(() => say('Deleted.', { label: 'Undo', run: () => undefined }));
  screen.getByRole('button', { name: 'Undo' }).focus();
  pass(60_000);
  expect(screen.getByText('Deleted.')).toBeDefined();
  screen.getByRole('button', { name: 'Here' }).focus();
  pass(60_000);
  expect(screen.queryByText('Deleted.')).toBeNull();
});

test('the focus goes back to where it was before a message took it', () => {
  const here = open();
  const undo = vi.fn();
  act(() => say('Deleted.', { label: 'Undo', run: undo }));
  screen.getByRole('button', { name: 'Undo' }).focus();
  fireEvent.click(screen.getByRole('button', { name: 'Undo' }));
  expect([undo.mock.calls.length, document.activeElement]).toEqual([1, here]);
  expect(screen.queryByText('Deleted.')).toBeNull();
});
