import { useLayoutEffect } from 'react';

// Where the focus was before the first of those dialogs opened that are open now.
let origin: HTMLElement | null = null;
let dialogs = 0;

function focused(): HTMLElement | null {
  const active = document.activeElement;
  return active instanceof HTMLElement && active !== document.body ? active : null;
}

/** What stays of it when all that is over the page has gone: of what is in a menu, the menu's button; in a dialog, nothing. */
function lasting(element: HTMLElement): HTMLElement | null {
  const menu = element.closest('[role="menu"]');
  if (menu) return document.getElementById(menu.getAttribute('aria-labelledby') ?? '');
  return element.closest('[role="dialog"], [role="alertdialog"]') ? null : element;
}

function take(element: HTMLElement | null): void {
  if (element) origin ??= lasting(element);
}

function giveBack(): void {
  if (dialogs > 0) return; // one follows another
  const to = origin;
  origin = null;
  if (focused() === null && to?.isConnected) to.focus();
}

/**
 * Gives the focus back, once a dialog is closed, to what had it before. Radix does so for those dialogs alone that have a
 * button of their own, and from all others who has no mouse would begin again at the top of the page.
 */
export function useFocusReturn(isOpen: boolean): void {
  useLayoutEffect(() => {
    if (!isOpen) return;
    dialogs += 1;
    take(focused());
    // A menu that has opened it gives the focus back to its button when the dialog is there already.
    const onFocus = ({ target }: FocusEvent) => take(target instanceof HTMLElement ? target : null);
    document.addEventListener('focusin', onFocus);
    return () => {
      dialogs -= 1;
      document.removeEventListener('focusin', onFocus);
      window.setTimeout(giveBack);
    };
  }, [isOpen]);
}
