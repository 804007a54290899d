import { useNavigate } from '@tanstack/react-router';
import { Ellipsis, ExternalLink, Link2, RotateCcw, Trash2 } from 'lucide-react';
import { say } from '../../app/messages';
import { useMay } from '../../app/session';
import { Button } from '../../ui/button';
import { Menu, MenuItem, MenuLine } from '../../ui/menu';
import { type Asset, plays, titleOf } from './asset';
import { useDeeds } from './deeds';

/** What can be done to one video, from a list. */
export function ActionsMenu({ asset, className }: { asset: Asset; className?: string }) {
  return (
    <Menu
      trigger={
        <Button
          variant="ghost"
          size="icon-sm"
          aria-label={`Actions for ${titleOf(asset)}`}
          {...(className ? { className } : {})}
        >
          <Ellipsis />
        </Button>
      }
    >
      <Items asset={asset} />
    </Menu>
  );
}

/** What it takes to know what may be done is there for the one menu that is open, not for each row of a list. */
function Items({ asset }: { asset: Asset }) {
  const { remove, retry } = useDeeds();
  const mayChange = useMay('assets:write');
  const navigate = useNavigate();
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(asset.urls.watch);
      say('The link is copied.');
    } catch {
      say(asset.urls.watch);
    }
  };
  return (
    <>
      <MenuItem onSelect={() => void navigate({ to: '/videos/$assetId', params: { assetId: asset.id } })}>
        Open
      </MenuItem>
      {plays(asset) && (
        <MenuItem asChild>
          <a href={asset.urls.watch} target="_blank" rel="noreferrer">
            <ExternalLink aria-hidden /> Watch page
          </a>
        </MenuItem>
      )}
      <MenuItem onSelect={() => void copy()}>
        <Link2 aria-hidden /> Copy the link
      </MenuItem>
      {mayChange && asset.status === 'errored' && (
        <MenuItem onSelect={() => void retry([asset])}>
          <RotateCcw aria-hidden /> Try again
        </MenuItem>
      )}
      {mayChange && (
        <>
          <MenuLine />
          <MenuItem className="text-destructive" onSelect={() => void remove([asset])}>
            <Trash2 aria-hidden /> Delete
          </MenuItem>
        </>
      )}
    </>
  );
}
