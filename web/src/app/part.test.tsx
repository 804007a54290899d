import { act, render, screen } from '@testing-library/react';
import { type ComponentType, type ReactNode, Suspense } from 'react';
import { expect, test, vi } from 'vitest';
import { Optional } from './optional';
import { part } from './part';

interface Props {
  name: string;
}
const Hello = ({ name }: Props) => <p>Hello {name}</p>;
const unreachable = () => Promise.reject(new TypeError('Failed to fetch'));

/** A part whose code comes as `answers` say, one after the other. */
function made(...answers: (() => Promise<{ default: ComponentType<Props> }>)[]) {
  const importer = vi.fn(() => (answers.length > 1 ? answers.shift() : answers[0])?.() ?? unreachable());
  return { Greeting: part(importer), importer };
}

const there = () => Promise.resolve({ default: Hello });

/** Shows something, and waits for what suspends in it. */
const show = (node: ReactNode) => act(async () => render(node));

test('a part comes when it is shown, once', async () => {
  const arrivals: (() => void)[] = [];
  const { Greeting, importer } = made(() => new Promise((resolve) => arrivals.push(() => resolve({ default: Hello }))));
  expect(importer).not.toHaveBeenCalled();
  await show(
    <Suspense fallback="coming">
      <Greeting name="Ann" />
      <Greeting name="Bob" />
    </Suspense>,
  );
  expect(screen.getByText('coming')).toBeDefined();
  await act(async () => arrivals[0]?.());
  expect(screen.getByText('Hello Ann')).toBeDefined();
  expect(screen.getByText('Hello Bob')).toBeDefined();
  expect(importer).toHaveBeenCalledTimes(1);
});

test('one that was fetched before is there at once', async () => {
  const { Greeting } = made(there);
  await Greeting.load();
  render(<Greeting name="Ann" />);
  expect(screen.getByText('Hello Ann')).toBeDefined();
});

test('one that can’t be had is told of, and can be asked for again', async () => {
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
  const { Greeting, importer } = made(unreachable, there);
  const lost = vi.fn();
  const optional = (
    <Optional onLost={lost}>
      <Suspense fallback="coming">
        <Greeting name="Ann" />
      </Suspense>
    </Optional>
  );
  await show(optional);
  expect(lost).toHaveBeenCalledTimes(1);
  expect(importer).toHaveBeenCalledTimes(1);
  await Greeting.load();
  await show(optional);
  expect(screen.getByText('Hello Ann')).toBeDefined();
  expect(importer).toHaveBeenCalledTimes(2);
});

test('something else stands for one that nobody has to be told of', async () => {
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
  const { Greeting } = made(unreachable);
  await show(
    <Optional instead="no greeting">
      <Suspense>
        <Greeting name="Ann" />
      </Suspense>
    </Optional>,
  );
  expect(screen.getByText('no greeting')).toBeDefined();
});

test('all are fetched ahead, each in its turn, also those that become known by it', async () => {
  vi.resetModules();
  const fresh = await import('./part');
  const inner = vi.fn(there);
  const large = vi.fn(there);
  fresh.part(large, { ahead: false });
  fresh.part(async () => {
    fresh.part(inner);
    return { default: Hello };
  });
  const turn = vi.fn(async () => undefined);
  await fresh.loadParts(turn);
  expect(inner).toHaveBeenCalledTimes(1);
  expect(large).not.toHaveBeenCalled();
  expect(turn).toHaveBeenCalledTimes(2);
});
