import { api } from '../../api/client';
import { useMay } from '../../app/session';
import type { Asset } from '../videos/asset';

const GOOD_FOR_S = 6 * 3600;
const RENEWED_MS = (GOOD_FOR_S - 3600) * 1000;

/** What its addresses begin with, and a pass where not everybody is let in; null while that is asked for. */
export function useHandle(asset: Asset): string | null {
  const isPublic = asset.playback_policy === 'public';
  const maySign = useMay('assets:write');
  const { data } = api.useQuery(
    'post',
    '/api/v1/assets/{asset_id}/signed-links',
    { params: { path: { asset_id: asset.id } }, body: { expires_in_s: GOOD_FOR_S } as never },
    // Another pass is another address, at which the player begins anew: no event, and no deed, makes this one old.
    { enabled: !isPublic && maySign, staleTime: 'static', refetchInterval: RENEWED_MS },
  );
  if (isPublic || !maySign) return asset.playback_id;
  return data ? handleOf(data.urls.watch) : null;
}

function handleOf(watchUrl: string): string {
  return new URL(watchUrl, window.location.href).pathname.replace('/watch/', '');
}
