import { part } from '../../app/part';
import { buttonVariants } from '../../ui/button';
import { cn } from '../../ui/cn';
import { type OpenMenu, opens, useMenuOf } from '../../ui/menu-button';
import { type Asset, titleOf } from './asset';

const Actions = part(() => import('./actions'));
const LOOK = buttonVariants({ variant: 'ghost', size: 'icon-sm' });
const near = () => void Actions.load().catch(() => undefined);
const CIRCLE = 'a1.5 1.5 0 1 1 0 3 1.5 1.5 0 0 1 0-3Z';
const DOTS = (
  <svg aria-hidden="true" viewBox="0 0 24 24" fill="currentColor">
    <path d={`M5 10.5${CIRCLE}M12 10.5${CIRCLE}M19 10.5${CIRCLE}`} />
  </svg>
);

/** The menu that the videos of a list share: one is there where one was opened, and a row has a button of its own. */
export function useActionsMenu() {
  return useMenuOf<{ asset: Asset }>(Actions);
}

interface ActionsMenuProps {
  asset: Asset;
  /** What the list has opened, where it was opened for this video. */
  menu: OpenMenu<{ asset: Asset }> | null;
  open: ReturnType<typeof useActionsMenu>[1];
  className?: string;
}

/** What can be done to one video, from a list. A button of two elements: a list that is scrolled makes many. */
export function ActionsMenu({ asset, menu, open, className }: ActionsMenuProps) {
  const look = { className: cn(LOOK, className), 'aria-label': `Actions for ${titleOf(asset)}` };
  if (menu) {
    const trigger = (
      <button type="button" {...look}>
        {DOTS}
      </button>
    );
    return <menu.Menu asset={asset} opened={menu.opened} trigger={trigger} />;
  }
  return (
    <button type="button" {...look} {...opens(near, (by) => open(asset.id, by))}>
      {DOTS}
    </button>
  );
}
