import { act, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expect, test, vi } from 'vitest';
import { Messages } from '../ui/messages';
import { useOnce } from './once';

function Button({ work }: { work: () => Promise<unknown> }) {
  const [run, busy] = useOnce(work);
  return (
    <>
      <button type="button" onClick={run} aria-busy={busy}>
        Make it
      </button>
      <Messages />
    </>
  );
}

test('who presses twice has it done once, and again when it is done', async () => {
  const ends: (() => void)[] = [];
  const work = vi.fn(() => new Promise<void>((resolve) => ends.push(resolve)));
  render(<Button work={work} />);
  const button = screen.getByRole('button');
  await userEvent.dblClick(button);
  expect(work).toHaveBeenCalledTimes(1);
  expect(button.getAttribute('aria-busy')).toBe('true');
  expect(document.activeElement).toBe(button);
  await act(async () => ends[0]?.());
  await userEvent.click(button);
  expect(work).toHaveBeenCalledTimes(2);
});

test('what went wrong is said, and can be tried again', async () => {
  const work = vi.fn(() => Promise.reject(new TypeError('no way there')));
  render(<Button work={work} />);
  await userEvent.click(screen.getByRole('button', { name: 'Make it' }));
  expect(await screen.findByText('The server can’t be reached. Try again.')).toBeDefined();
  await userEvent.click(screen.getByRole('button', { name: 'Make it' }));
  expect(work).toHaveBeenCalledTimes(2);
});
