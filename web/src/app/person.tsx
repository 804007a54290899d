import { Link } from '@tanstack/react-router';
import { BookOpen, Keyboard, LogOut, ShieldCheck } from 'lucide-react';
import { http } from '../api/client';
import { Menu, MenuChoice, MenuItem, MenuLabel, MenuLine } from '../ui/menu';
import type { Opened } from '../ui/menu-button';
import { useDeed } from './deed';
import { leaveFor } from './leave';
import { useCaller } from './session';
import { setTheme, type Theme, useTheme } from './theme';

const THEMES = [
  { value: 'system', label: 'As the system' },
  { value: 'light', label: 'Light' },
  { value: 'dark', label: 'Dark' },
] as const;

/** The menu of who one is here, opened. */
export default function Person({ onKeys, ...opened }: { onKeys: () => void } & Opened) {
  const caller = useCaller();
  const theme = useTheme();
  const logOut = useLogOut();
  return (
    <Menu {...opened}>
      <MenuLabel>
        <span dir="auto" className="block truncate">
          {caller.person_id ? caller.name : 'This browser has a key of its own'}
        </span>
      </MenuLabel>
      <MenuChoice label="Theme" value={theme} onChange={(value) => setTheme(value as Theme)} options={THEMES} />
      <MenuLine />
      {caller.person_id && (
        <MenuItem asChild>
          <Link to="/settings" search={{ tab: 'account' }}>
            <ShieldCheck aria-hidden /> Your account
          </Link>
        </MenuItem>
      )}
      <MenuItem asChild>
        <a href="/docs" target="_blank" rel="noreferrer">
          <BookOpen aria-hidden /> API reference
        </a>
      </MenuItem>
      <MenuItem onSelect={onKeys}>
        <Keyboard aria-hidden /> Keys
      </MenuItem>
      <MenuLine />
      <MenuItem onSelect={() => void logOut()}>
        <LogOut aria-hidden /> Log out
      </MenuItem>
    </Menu>
  );
}

/** Ends the session, or revokes the key that this browser has; nothing of it stays on the page. */
function useLogOut(): () => Promise<void> {
  const { key_id } = useCaller();
  const deed = useDeed();
  return async () => {
    const end = async () =>
      key_id
        ? await http.DELETE('/api/v1/keys/{key_id}', { params: { path: { key_id } } })
        : await http.POST('/api/v1/logout');
    if (await deed(end, { touches: [] })) leaveFor('/dashboard/enter');
  };
}
