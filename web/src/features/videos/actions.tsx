import { useNavigate } from '@tanstack/react-router';
import { ExternalLink, Link2, RotateCcw, Trash2 } from 'lucide-react';
import { say } from '../../app/messages';
import { useMay } from '../../app/session';
import { Menu, MenuItem, MenuLine } from '../../ui/menu';
import type { Opened } from '../../ui/menu-button';
import { type Asset, plays } from './asset';
import { useDeeds } from './deeds';

/** The menu of what can be done to one video, opened. */
export default function Actions({ asset, ...opened }: { asset: Asset } & Opened) {
  return (
    <Menu {...opened}>
      <Items asset={asset} />
    </Menu>
  );
}

/** What it takes to know what may be done is there while the menu is open. */
function Items({ asset }: { asset: Asset }) {
  const { remove, retry } = useDeeds();
  const mayChange = useMay('assets:write');
  const mayRetry = useMay('jobs:write');
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
      {mayRetry && asset.status === 'errored' && (
        <MenuItem onSelect={() => void retry([asset])}>
          <RotateCcw aria-hidden /> Try again
        </MenuItem>
      )}
      {mayChange && (
        <>
          <MenuLine />
          <MenuItem danger onSelect={() => void remove([asset])}>
            <Trash2 aria-hidden /> Delete
          </MenuItem>
        </>
      )}
    </>
  );
}
