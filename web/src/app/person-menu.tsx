import { CircleUser } from 'lucide-react';
import { Button } from '../ui/button';
import { MenuButton } from '../ui/menu-button';
import { part } from './part';

const Person = part(() => import('./person'));

/** Who one is here, how it looks, and the way out. */
export function PersonMenu({ onKeys }: { onKeys: () => void }) {
  const trigger = (
    <Button variant="ghost" size="icon-sm" aria-label="You and this page">
      <CircleUser className="size-5!" />
    </Button>
  );
  return <MenuButton trigger={trigger} menu={Person} given={{ onKeys }} />;
}
