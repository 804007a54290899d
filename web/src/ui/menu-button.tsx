import { Slot } from 'radix-ui';
import {
  type ComponentType,
  type KeyboardEvent,
  type MouseEvent,
  type ReactElement,
  useCallback,
  useState,
} from 'react';
import { sayProblem } from '../app/messages';
import type { Part } from '../app/part';

/** What a menu is given that was opened before its code was there. */
export interface Opened {
  trigger: ReactElement;
  opened: 'by keys' | 'by pointer';
}

/** What a button does that opens a menu: at the pointer or the focus the menu's code comes. */
export function opens(near: () => void, open: (by: Opened['opened']) => void) {
  return {
    'aria-haspopup': 'menu',
    'aria-expanded': false,
    onPointerEnter: near,
    onFocus: near,
    onKeyDown: (event: KeyboardEvent) => {
      if (event.key !== 'ArrowDown') return;
      event.preventDefault();
      open('by keys');
    },
    onClick: (event: MouseEvent) => open(event.detail === 0 ? 'by keys' : 'by pointer'),
  } as const;
}

/** A menu that was opened: of which of those that share it, and by what. */
export interface OpenMenu<P> {
  id: string;
  Menu: ComponentType<P & Opened>;
  opened: Opened['opened'];
}

/** One menu for all buttons of a list, which have identifiers: the one that was opened last, and what opens it. */
export function useMenuOf<P extends object>(menu: Part<P & Opened>) {
  const [shown, setShown] = useState<OpenMenu<P> | null>(null);
  const open = useCallback(
    (id: string, opened: Opened['opened']) =>
      void menu.load().then((Menu) => setShown({ id, Menu, opened }), sayProblem),
    [menu],
  );
  return [shown, open] as const;
}

interface MenuButtonProps<P> {
  trigger: ReactElement;
  menu: Part<P & Opened>;
  /** What the menu is of. */
  given: P;
}

/** A button that opens a menu. What menus take comes when one is near the first. */
export function MenuButton<P extends object>({ trigger, menu, given }: MenuButtonProps<P>) {
  const [shown, open] = useMenuOf<P>(menu);
  if (shown) return <shown.Menu {...given} trigger={trigger} opened={shown.opened} />;
  const near = () => void menu.load().catch(() => undefined);
  return <Slot.Root {...opens(near, (by) => open('', by))}>{trigger}</Slot.Root>;
}
