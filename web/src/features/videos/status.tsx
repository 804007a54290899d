import { Suspense } from 'react';
import { api } from '../../api/client';
import { Optional } from '../../app/optional';
import { part } from '../../app/part';
import { percent } from '../../app/words';
import { Badge } from '../../ui/badge';
import { Progress } from '../../ui/progress';
import { type Asset, isUnderWay, STATUS } from './asset';

const LOOK_MS = 1_500;

// Few videos fail: what says why comes with the first that did.
const Tooltip = part(() => import('../../ui/tooltip'));

export const jobQuery = (jobId: string) =>
  api.queryOptions('get', '/api/v1/jobs/{job_id}', { params: { path: { job_id: jobId } } });

/** A job as it is, asked for again while it goes on and somebody looks. */
export function useJob(jobId: string | null, live: boolean) {
  return api.useQuery(
    'get',
    '/api/v1/jobs/{job_id}',
    { params: { path: { job_id: jobId ?? '' } } },
    {
      enabled: jobId !== null,
      refetchInterval: ({ state }) =>
        live && (state.data === undefined || ['queued', 'running'].includes(state.data.status)) ? LOOK_MS : false,
    },
  );
}

/** Where a video stands, with how far the work on it is. */
export function Status({ asset }: { asset: Asset }) {
  const { label, tone } = STATUS[asset.status];
  const badge = (
    <Badge tone={tone}>
      <span aria-hidden className="size-1.5 rounded-full bg-current" />
      {label}
    </Badge>
  );
  if (asset.error) {
    return (
      <Optional instead={badge}>
        <Suspense fallback={badge}>
          <Tooltip text={asset.error.detail}>
            <span>{badge}</span>
          </Tooltip>
        </Suspense>
      </Optional>
    );
  }
  return isUnderWay(asset) ? <UnderWay asset={asset} badge={badge} /> : badge;
}

function UnderWay({ asset, badge }: { asset: Asset; badge: React.ReactNode }) {
  const { data: job } = useJob(asset.job_id, true);
  const fraction = job?.progress.fraction ?? null;
  return (
    <span className="grid w-40 max-w-full gap-1">
      <span className="flex items-center justify-between gap-2">
        {badge}
        <span className="whitespace-nowrap text-[12px] text-muted-foreground tabular-nums">
          {fraction === null ? '' : percent(fraction)}
        </span>
      </span>
      <Progress fraction={fraction} label="Processing" />
    </span>
  );
}
