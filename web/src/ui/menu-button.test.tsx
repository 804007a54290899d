import { screen } from '@testing-library/react';
import { expect, test, vi } from 'vitest';
import { part } from '../app/part';
import { show } from '../testing/render';
import { Menu, MenuItem } from './menu';
import { MenuButton, type Opened } from './menu-button';

interface Given {
  onChoose: (name: string) => void;
}

function Fruit({ onChoose, ...opened }: Given & Opened) {
  return (
    <Menu {...opened}>
      <MenuItem onSelect={() => onChoose('apple')}>Apple</MenuItem>
      <MenuItem onSelect={() => onChoose('pear')}>Pear</MenuItem>
    </Menu>
  );
}

async function open(importer = vi.fn(async () => ({ default: Fruit }))) {
  const onChoose = vi.fn();
  const menu = part(importer);
  const button = <MenuButton trigger={<button type="button">Fruit</button>} menu={menu} given={{ onChoose }} />;
  return { ...(await show(button)), onChoose, importer };
}

test('a menu comes when it is opened, and once', async () => {
  const { user, onChoose, importer } = await open();
  const trigger = await screen.findByRole('button', { name: 'Fruit' });
  expect(trigger.getAttribute('aria-haspopup')).toBe('menu');
  expect(importer).not.toHaveBeenCalled();
  await user.click(trigger);
  await user.click(await screen.findByRole('menuitem', { name: 'Pear' }));
  expect(onChoose).toHaveBeenCalledWith('pear');
  expect(screen.queryByRole('menu')).toBeNull();
  await user.click(screen.getByRole('button', { name: 'Fruit' }));
  expect(await screen.findByRole('menuitem', { name: 'Apple' })).toBeDefined();
  expect(importer).toHaveBeenCalledTimes(1);
});

test.each(['{Enter}', ' ', '{ArrowDown}'])('opened by the key %s it begins at its first item', async (key) => {
  const { user, onChoose } = await open();
  await screen.findByRole('button', { name: 'Fruit' });
  await user.tab();
  await user.keyboard(key);
  const apple = await screen.findByRole('menuitem', { name: 'Apple' });
  await vi.waitFor(() => expect(document.activeElement).toBe(apple));
  await user.keyboard('{ArrowDown}{Enter}');
  expect(onChoose).toHaveBeenCalledWith('pear');
});

test('after Escape the button has the focus', async () => {
  const { user } = await open();
  await user.click(await screen.findByRole('button', { name: 'Fruit' }));
  await screen.findByRole('menu');
  await user.keyboard('{Escape}');
  await vi.waitFor(() => expect(document.activeElement).toBe(screen.getByRole('button', { name: 'Fruit' })));
});

test('a menu that can’t be fetched is said, and comes when one tries again', async () => {
  let reachable = false;
  const importer = vi.fn(async () => {
    if (!reachable) throw new TypeError('Failed to fetch');
    return { default: Fruit };
  });
  const { user } = await open(importer);
  await user.click(await screen.findByRole('button', { name: 'Fruit' }));
  expect(await screen.findByText(/can’t be reached/)).toBeDefined();
  expect(screen.queryByRole('menu')).toBeNull();
  reachable = true;
  await user.click(screen.getByRole('button', { name: 'Fruit' }));
  expect(await screen.findByRole('menu')).toBeDefined();
});
