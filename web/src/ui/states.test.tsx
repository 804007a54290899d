import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expect, test, vi } from 'vitest';
import { dismiss, say } from '../app/messages';
import { Messages } from './messages';
import { Failed } from './states';

test('an error shows the server’s words and its number, and can be tried again', async () => {
  const again = vi.fn();
  render(
    <Failed
      error={{ status: 500, code: 'internal_error', detail: 'It broke.', request_id: 'req_7' }}
      onRetry={again}
    />,
  );
  expect(screen.getByRole('alert').textContent).toContain('It broke.');
  expect(screen.getByText('req_7')).toBeDefined();
  await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
  expect(again).toHaveBeenCalledTimes(1);
});

test('no answer, and a thing that is not there, are told apart', () => {
  const { rerender } = render(<Failed error={new TypeError('Failed to fetch')} />);
  expect(screen.getByText('No answer')).toBeDefined();
  rerender(<Failed error={{ status: 404, code: 'asset_not_found', detail: 'There is no such video.' }} />);
  expect(screen.getByText('Not here')).toBeDefined();
});

test('what is said can be undone or put away', async () => {
  const undo = vi.fn();
  render(<Messages />);
  const region = screen.getByLabelText('Messages');
  expect(region.getAttribute('aria-live')).toBe('polite');
  say('Deleted.', { label: 'Undo', run: undo });
  await userEvent.click(await screen.findByRole('button', { name: 'Undo' }));
  expect(undo).toHaveBeenCalledTimes(1);
  expect(screen.queryByText('Deleted.')).toBeNull();
  say('Broken.', undefined, 'error');
  await userEvent.click(await screen.findByRole('button', { name: 'Dismiss' }));
  expect(region.textContent).toBe('');
  dismiss(0);
});
