import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expect, test, vi } from 'vitest';
import { CardItems } from './card';

const list = (names: readonly string[]) => names.map((name) => <p key={name}>{name}</p>);

test('what a card lists is on its way, then there', () => {
  const query = { error: null };
  const { rerender } = render(
    <CardItems query={query} items={undefined} empty="None.">
      {list}
    </CardItems>,
  );
  expect(screen.getByRole('status').textContent).toBe('Loading');
  rerender(
    <CardItems query={query} items={['Ann', 'Bob']} empty="None.">
      {list}
    </CardItems>,
  );
  expect(screen.queryByRole('status')).toBeNull();
  expect(screen.getByText('Bob')).toBeDefined();
});

test('where there is none it says so, in a sentence or in more', () => {
  const { rerender } = render(
    <CardItems query={{ error: null }} items={[]} empty="There are none.">
      {list}
    </CardItems>,
  );
  expect(screen.getByText('There are none.')).toBeDefined();
  rerender(
    <CardItems query={{ error: null }} items={[]} empty={<h3>Nobody yet</h3>}>
      {list}
    </CardItems>,
  );
  expect(screen.getByRole('heading', { name: 'Nobody yet' })).toBeDefined();
});

test('what can’t be had says why, and is asked for again where that is of use', async () => {
  const refetch = vi.fn();
  const error = { status: 503, code: 'database_away', detail: 'The database is away.' };
  const { rerender } = render(
    <CardItems query={{ error, refetch }} items={undefined} empty="None.">
      {list}
    </CardItems>,
  );
  expect(screen.getByRole('alert').textContent).toContain('The database is away.');
  await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
  expect(refetch).toHaveBeenCalledTimes(1);
  rerender(
    <CardItems query={{ error }} items={undefined} empty="None.">
      {list}
    </CardItems>,
  );
  expect(screen.queryByRole('button')).toBeNull();
  const refused = { status: 403, code: 'scope_missing', detail: 'This needs the scope keys:read.' };
  rerender(
    <CardItems query={{ error: refused, refetch }} items={undefined} empty="None.">
      {list}
    </CardItems>,
  );
  expect(screen.getByText('Not for you')).toBeDefined();
});

test('an error that passes takes nothing away from what is listed', () => {
  const error = { status: 503, code: 'database_away', detail: 'The database is away.' };
  const { rerender } = render(
    <CardItems query={{ error }} items={['Ann']} empty="None.">
      {list}
    </CardItems>,
  );
  expect(screen.getByText('Ann')).toBeDefined();
  rerender(
    <CardItems query={{ error: { ...error, status: 404 } }} items={['Ann']} empty="None.">
      {list}
    </CardItems>,
  );
  expect(screen.queryByText('Ann')).toBeNull();
});
