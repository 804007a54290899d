import type { Schemas } from '../../api/client';
import type { Tone } from '../../ui/badge';

export type Asset = Schemas['Asset'];
export type AssetStatus = Schemas['AssetStatus'];

/** What people call a video; one without a title is known by its identifier. */
export function titleOf(asset: Pick<Asset, 'title' | 'id'>): string {
  return asset.title?.trim() || asset.id;
}

export const STATUS: Record<AssetStatus, { label: string; tone: Tone }> = {
  preparing: { label: 'Preparing', tone: 'accent' },
  playable: { label: 'Plays already', tone: 'accent' },
  ready: { label: 'Ready', tone: 'ok' },
  errored: { label: 'Failed', tone: 'danger' },
};

/** Whether work on it goes on. */
export function isUnderWay(asset: Pick<Asset, 'status'>): boolean {
  return asset.status === 'preparing' || asset.status === 'playable';
}

/** Whether somebody can watch it now. */
export function plays(asset: Pick<Asset, 'status'>): boolean {
  return asset.status === 'playable' || asset.status === 'ready';
}

/** The address of a picture of it; null where it has none that everybody may see. */
export function pictureOf(asset: Asset, widthPx: number): string | null {
  if (asset.playback_policy !== 'public' || !plays(asset) || asset.width_px === null) return null;
  // With its time it is another address, so that a browser shows none from before it was chosen.
  const time = asset.poster_time_ms === null ? '' : `&time=${asset.poster_time_ms / 1000}`;
  return `/image/${asset.playback_id}/thumbnail.webp?width=${widthPx}${time}`;
}

/** The address of its moving preview, under the same terms. */
export function previewOf(asset: Asset): string | null {
  return asset.status === 'ready' && pictureOf(asset, 0) !== null ? `/image/${asset.playback_id}/preview.webp` : null;
}

/** An address of the server's, as a path: the page may be reached under another name than the server knows. */
export function pathOf(address: string): string {
  const { pathname, search } = new URL(address, window.location.href);
  return pathname + search;
}
