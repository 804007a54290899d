import { render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { useState } from 'react';
import { expect, test } from 'vitest';
import { Confirm, Dialog } from './dialog';
import { Menu, MenuItem } from './menu';

type Step = 'make' | 'made' | 'sure' | null;

function Page() {
  const [step, setStep] = useState<Step>(null);
  const close = () => setStep(null);
  return (
    <>
      <button type="button" onClick={() => setStep('make')}>
        Make a key
      </button>
      <button type="button" onClick={() => setStep('sure')}>
        Revoke
      </button>
      <Menu trigger={<button type="button">More</button>}>
        <MenuItem onSelect={() => setStep('make')}>Make one</MenuItem>
      </Menu>
      {step === 'make' && (
        <Dialog open onOpenChange={close} title="Make a key">
          <button type="button" onClick={() => setStep('made')}>
            Make it
          </button>
        </Dialog>
      )}
      {step === 'made' && (
        <Dialog open onOpenChange={close} title="Your new key">
          <input aria-label="Key" />
        </Dialog>
      )}
      <Confirm open={step === 'sure'} onOpenChange={close} title="Revoke it?" action="Revoke it" onConfirm={close}>
        It opens nothing then.
      </Confirm>
    </>
  );
}

const button = (name: string) => screen.getByRole('button', { name });
const isBackAt = (name: string) => waitFor(() => expect(document.activeElement).toBe(button(name)));

test('a dialog gives the focus back to what opened it, however it is closed', async () => {
  const user = userEvent.setup();
  render(<Page />);
  await user.click(button('Make a key'));
  await screen.findByRole('dialog', { name: 'Make a key' });
  await user.keyboard('{Escape}');
  await isBackAt('Make a key');
  await user.click(button('Revoke'));
  await user.click(await screen.findByRole('button', { name: 'Revoke it' }));
  await isBackAt('Revoke');
});

test('so does one that follows another', async () => {
  const user = userEvent.setup();
  render(<Page />);
  await user.click(button('Make a key'));
  await user.click(await screen.findByRole('button', { name: 'Make it' }));
  await screen.findByRole('dialog', { name: 'Your new key' });
  await user.keyboard('{Escape}');
  await isBackAt('Make a key');
});

test('what was opened from a menu goes back to the button of the menu', async () => {
  const user = userEvent.setup();
  render(<Page />);
  await user.click(button('More'));
  await user.click(await screen.findByRole('menuitem', { name: 'Make one' }));
  await screen.findByRole('dialog', { name: 'Make a key' });
  await user.keyboard('{Escape}');
  await isBackAt('More');
});
