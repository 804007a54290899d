import type { MediaChromeMenu } from 'media-chrome/dist/menu/media-chrome-menu.js';

/** Makes Media Chrome's menus and submenus below `root` ones that can be used by keyboard, and while their items change. */
export function mendMenus(root: ParentNode): void {
  for (const menu of root.querySelectorAll<MediaChromeMenu>('.vc-menu, [slot="submenu"]')) {
    // The way back out of a submenu is a plain button, which a menu must not contain.
    menu.shadowRoot?.querySelector('button[part~="back"]')?.setAttribute('role', 'menuitem');
    keepFocus(menu);
  }
}

/**
 * Keeps a menu open when its items are listed anew: when a quality comes, or another one plays. All are replaced then, and
 * a menu whose focused item goes takes that for somebody who leaves, and closes. Here the focus goes to the same item.
 */
function keepFocus(menu: MediaChromeMenu): void {
  const lost = (event: Event) => {
    const [item] = event.composedPath();
    const isOwn = item instanceof HTMLElement && item.getRootNode() === menu.shadowRoot; // and not of a menu within
    if (!isOwn || !event.isTrusted || (event as FocusEvent).relatedTarget !== null) return;
    event.stopPropagation();
    queueMicrotask(() => {
      if (item.isConnected) item.dispatchEvent(new FocusEvent('focusout', { bubbles: true, composed: true }));
      else sameItem(menu, item)?.focus();
    });
  };
  menu.shadowRoot?.addEventListener('focusout', lost, { capture: true });
}

function sameItem(menu: MediaChromeMenu, gone: HTMLElement & { value?: string }): HTMLElement | undefined {
  return menu.items.find(({ value }) => value === gone.value) ?? menu.items[0];
}
