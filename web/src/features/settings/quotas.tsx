import { api, type Schemas } from '../../api/client';
import { instead } from '../../api/problem';
import { bytes, date } from '../../app/words';
import { Card, CardBody, CardHead } from '../../ui/card';
import { Progress } from '../../ui/progress';
import { Failed, Loading } from '../../ui/states';

type Quota = Schemas['QuotaView'];

export const QUOTA_NAMES: Record<Schemas['Quota'], string> = {
  upload_bytes: 'Size of one upload',
  stored_bytes: 'Storage',
  jobs: 'Jobs at once',
  encode_minutes: 'Encoding, minutes this month',
  requests_per_minute: 'Requests a minute',
};

/** An amount of a limit in words. */
export function amount(name: Schemas['Quota'], value: number): string {
  if (name.endsWith('_bytes')) return bytes(value);
  return value.toLocaleString('en', { maximumFractionDigits: 1 });
}

const NEAR = 0.8;

/** What the organization may have, and what of it is used. */
export function Quotas() {
  const found = api.useQuery('get', '/api/v1/quotas');
  const wrong = instead(found);
  if (wrong) return <Failed error={wrong} onRetry={() => void found.refetch()} />;
  if (!found.data) return <Loading />;
  return (
    <Card className="max-w-2xl">
      <CardHead title="Limits and use" />
      <CardBody className="grid grid-cols-1 gap-5">
        {found.data.items.map((quota) => (
          <QuotaBar key={quota.name} quota={quota} />
        ))}
      </CardBody>
    </Card>
  );
}

export function QuotaBar({ quota }: { quota: Quota }) {
  const { name, limit, free_at } = quota;
  const used = (quota.used ?? 0) + (quota.reserved ?? 0);
  const fraction = limit ? used / limit : 0;
  const most = limit === null ? 'no limit' : `${quota.used === null ? 'at most' : 'of'} ${amount(name, limit)}`;
  return (
    <div className="grid gap-1.5">
      <div className="flex flex-wrap justify-between gap-x-3">
        <span className="font-medium">{QUOTA_NAMES[name]}</span>
        <span className="text-muted-foreground tabular-nums">
          {quota.used === null ? most : `${amount(name, used)}${limit === null ? ' · ' : ' '}${most}`}
        </span>
      </div>
      {limit !== null && quota.used !== null && (
        <Progress fraction={fraction} label={QUOTA_NAMES[name]} tone={fraction >= NEAR ? 'danger' : 'accent'} />
      )}
      {free_at && fraction >= 1 && (
        <p className="text-[13px] text-muted-foreground">There is room again {date(free_at)}.</p>
      )}
    </div>
  );
}
