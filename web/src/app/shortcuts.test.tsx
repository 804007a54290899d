import { act, fireEvent, render } from '@testing-library/react';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { listenForShortcuts, useLetters, useShortcut, useShortcuts } from './shortcuts';

let stop: () => void;
beforeEach(() => {
  stop = listenForShortcuts();
});
afterEach(() => stop());

function Page({ onDo, onGo }: { onDo: () => void; onGo: () => void }) {
  useShortcut('x', 'Choose it', 'Videos', onDo);
  useShortcut('g v', 'Go to Videos', 'Go', onGo);
  const listed = useShortcuts().map(({ keys }) => keys);
  return (
    <>
      <p>{listed.join(', ')}</p>
      <input aria-label="text" />
      <input type="checkbox" aria-label="box" />
    </>
  );
}

test('a key, and keys one after the other, do what they are listed with', () => {
  const [does, goes] = [vi.fn(), vi.fn()];
  const { getByText, unmount } = render(<Page onDo={does} onGo={goes} />);
  getByText('x, g v');
  fireEvent.keyDown(document.body, { key: 'x' });
  fireEvent.keyDown(document.body, { key: 'g' });
  fireEvent.keyDown(document.body, { key: 'v' });
  fireEvent.keyDown(document.body, { key: 'v' });
  expect([does.mock.calls.length, goes.mock.calls.length]).toEqual([1, 1]);
  act(() => unmount());
  fireEvent.keyDown(document.body, { key: 'x' });
  expect(does).toHaveBeenCalledTimes(1);
});

test('what is typed stays text, and the keys of the system stay its own', () => {
  const does = vi.fn();
  const { getByLabelText } = render(<Page onDo={does} onGo={vi.fn()} />);
  fireEvent.keyDown(getByLabelText('text'), { key: 'x' });
  fireEvent.keyDown(document.body, { key: 'x', ctrlKey: true });
  fireEvent.keyDown(document.body, { key: 'x', metaKey: true });
  expect(does).not.toHaveBeenCalled();
  fireEvent.keyDown(getByLabelText('box'), { key: 'x' });
  expect(does).toHaveBeenCalledTimes(1);
});

test('Enter presses the button and follows the link that has the focus, and else is the page’s', () => {
  const opens = vi.fn();
  function List() {
    useShortcut('Enter', 'Open it', 'Videos', opens);
    return (
      <>
        <button type="button">Undo</button>
        <a href="/somewhere">Title of a</a>
      </>
    );
  }
  const { getByText } = render(<List />);
  expect(fireEvent.keyDown(getByText('Undo'), { key: 'Enter' })).toBe(true);
  expect(fireEvent.keyDown(getByText('Title of a'), { key: 'Enter' })).toBe(true);
  expect(opens).not.toHaveBeenCalled();
  expect(fireEvent.keyDown(document.body, { key: 'Enter' })).toBe(false);
  expect(opens).toHaveBeenCalledTimes(1);
});

test('what is pressed while a dialog is on its way is not for the page', () => {
  const does = vi.fn();
  render(
    <>
      <Page onDo={does} onGo={vi.fn()} />
      <div hidden data-opening />
    </>,
  );
  fireEvent.keyDown(document.body, { key: 'x' });
  expect(does).not.toHaveBeenCalled();
});

test('letters are switched off for who presses them by accident, and other keys stay', () => {
  const [does, clears] = [vi.fn(), vi.fn()];
  function Switch() {
    const [on, set] = useLetters();
    useShortcut('Escape', 'Choose nothing', 'Videos', clears);
    return (
      <button type="button" onClick={() => set(!on)}>
        {on ? 'on' : 'off'}
      </button>
    );
  }
  const { getByRole } = render(
    <>
      <Page onDo={does} onGo={vi.fn()} />
      <Switch />
    </>,
  );
  const press = () => {
    fireEvent.keyDown(document.body, { key: 'x' });
    fireEvent.keyDown(document.body, { key: 'Escape' });
  };
  fireEvent.click(getByRole('button', { name: 'on' }));
  press();
  expect([does.mock.calls.length, clears.mock.calls.length]).toEqual([0, 1]);
  expect(localStorage.getItem('vidcompute-keys')).toBe('off');
  fireEvent.click(getByRole('button', { name: 'off' }));
  press();
  expect([does.mock.calls.length, clears.mock.calls.length]).toEqual([1, 2]);
  expect(localStorage.getItem('vidcompute-keys')).toBeNull();
});
