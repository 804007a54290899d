import { Slot } from 'radix-ui';
import { type ComponentType, type KeyboardEvent, type ReactElement, useState } from 'react';
import { sayProblem } from '../app/messages';
import type { Part } from '../app/part';

/** What a menu is given that was opened before its code was there. */
export interface Opened {
  trigger: ReactElement;
  opened: 'by keys' | 'by pointer';
}

interface MenuButtonProps<P> {
  trigger: ReactElement;
  menu: Part<P & Opened>;
  /** What the menu is of. */
  given: P;
}

/**
 * A button that opens a menu. What menus take comes when one is near the first: it is a quarter of what a list needs,
 * and a list of thousands has one in each row.
 */
export function MenuButton<P extends object>({ trigger, menu, given }: MenuButtonProps<P>) {
  const [shown, setShown] = useState<{ Menu: ComponentType<P & Opened>; opened: Opened['opened'] } | null>(null);
  if (shown) return <shown.Menu {...given} trigger={trigger} opened={shown.opened} />;
  const near = () => void menu.load().catch(() => undefined);
  const open = (opened: Opened['opened']) => void menu.load().then((Menu) => setShown({ Menu, opened }), sayProblem);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'ArrowDown') return;
    event.preventDefault();
    open('by keys');
  };
  return (
    <Slot.Root
      aria-haspopup="menu"
      aria-expanded={false}
      onPointerEnter={near}
      onFocus={near}
      onKeyDown={onKeyDown}
      onClick={(event) => open(event.detail === 0 ? 'by keys' : 'by pointer')}
    >
      {trigger}
    </Slot.Root>
  );
}
