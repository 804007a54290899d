import { Ellipsis } from 'lucide-react';
import { part } from '../../app/part';
import { Button } from '../../ui/button';
import { MenuButton } from '../../ui/menu-button';
import { type Asset, titleOf } from './asset';

const Actions = part(() => import('./actions'));

/** What can be done to one video, from a list. */
export function ActionsMenu({ asset, className }: { asset: Asset; className?: string }) {
  const trigger = (
    <Button
      variant="ghost"
      size="icon-sm"
      aria-label={`Actions for ${titleOf(asset)}`}
      {...(className ? { className } : {})}
    >
      <Ellipsis />
    </Button>
  );
  return <MenuButton trigger={trigger} menu={Actions} given={{ asset }} />;
}
