import { Link } from '@tanstack/react-router';
import { ArrowRight, Clapperboard } from 'lucide-react';
import type { ReactNode } from 'react';
import { api, type Schemas } from '../../api/client';
import { useMay } from '../../app/session';
import { count, percent } from '../../app/words';
import { Button } from '../../ui/button';
import { Card, CardBody, CardHead, CardItems } from '../../ui/card';
import { Page } from '../../ui/page';
import { Progress } from '../../ui/progress';
import { Nothing } from '../../ui/states';
import { Ago } from '../../ui/time';
import { VideoLink } from '../jobs/video-link';
import { activity, byQueue, type JobSummary } from '../jobs/words';
import { QuotaBar } from '../settings/quotas';
import { type Asset, titleOf } from '../videos/asset';
import { Picture } from '../videos/picture';
import { Status, useJob } from '../videos/status';

const LAST = 6;
const LOOK_MS = 10_000;

/** What goes on, what wants a hand, and what is used. */
export function Overview() {
  return (
    <Page title="Overview">
      <Trouble />
      <div className="grid grid-cols-1 items-start gap-5 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
        <div className="grid grid-cols-1 gap-5">
          <Running />
          <LastVideos />
        </div>
        <div className="grid grid-cols-1 gap-5">
          <Use />
          <Machines />
        </div>
      </div>
    </Page>
  );
}

/** Jobs that gave up: nobody tries them again but people. */
function Trouble() {
  const { data } = api.useQuery('get', '/api/v1/jobs', { params: { query: { dead: true, limit: 100 } } });
  const dead = data?.items.length ?? 0;
  if (dead === 0) return null;
  return (
    <div
      role="alert"
      className="flex flex-wrap items-center justify-between gap-3 rounded-xl bg-destructive-soft px-5 py-3 text-destructive"
    >
      <p className="line-clamp-3 min-w-0 max-w-3xl [overflow-wrap:anywhere]">
        {data?.next_cursor ? `More than ${dead} jobs` : count(dead, 'job')} gave up. {data?.items[0]?.error?.detail}
      </p>
      <Button asChild>
        <Link to="/jobs" search={{ tab: 'dead' }}>
          Look at them
        </Link>
      </Button>
    </div>
  );
}

function More({ children }: { children: ReactNode }) {
  return <span className="text-[13px] text-muted-foreground">{children}</span>;
}

function Running() {
  const running = api.useQuery('get', '/api/v1/jobs', { params: { query: { status: 'running', limit: 100 } } });
  const queued = api.useQuery('get', '/api/v1/jobs', { params: { query: { status: 'queued', limit: 100 } } });
  const waiting = queued.data?.items.length ?? 0;
  const first = running.data && byQueue(running.data.items).slice(0, LAST);
  const more = (running.data?.items.length ?? 0) - LAST;
  return (
    <Card>
      <CardHead title="Running now">
        {waiting > 0 && (
          <More>{`${queued.data?.next_cursor ? 'more than ' : ''}${count(waiting, 'job')} waiting`}</More>
        )}
      </CardHead>
      <CardItems query={running} items={first} lines={2} empty="Nothing runs.">
        {(jobs) => (
          <>
            <ul aria-label="Running jobs">
              {jobs.map((job) => (
                <RunningLine key={job.id} job={job} />
              ))}
            </ul>
            {more > 0 && (
              <p className="border-t px-5 py-2.5">
                <Button variant="link" size="none" asChild>
                  <Link to="/jobs">
                    {running.data?.next_cursor ? 'More than ' : ''}
                    {count(more, 'more job runs', 'more jobs run')}
                  </Link>
                </Button>
              </p>
            )}
          </>
        )}
      </CardItems>
    </Card>
  );
}

function RunningLine({ job }: { job: JobSummary }) {
  const { data } = useJob(job.id, true);
  const fraction = data?.progress.fraction ?? 0;
  return (
    <li className="grid gap-1.5 border-t px-5 py-3">
      <div className="flex items-center justify-between gap-3">
        <VideoLink job={job} title={data ? titleOf(data.asset) : job.asset_id} />
        <span className="text-[13px] text-muted-foreground tabular-nums">
          {data ? activity(data) : ''} {percent(fraction)}
        </span>
      </div>
      <Progress fraction={fraction} label="The job" />
    </li>
  );
}

function LastVideos() {
  const found = api.useQuery('get', '/api/v1/assets', { params: { query: { limit: LAST } } });
  return (
    <Card>
      <CardHead title="Last videos">
        <Button variant="ghost" size="sm" asChild>
          <Link to="/videos">
            All <ArrowRight aria-hidden />
          </Link>
        </Button>
      </CardHead>
      <CardItems
        query={found}
        items={found.data?.items}
        empty={<Nothing icon={<Clapperboard />} title="No videos yet" />}
      >
        {(assets) => (
          <ul aria-label="Last videos">
            {assets.map((asset) => (
              <LastVideo key={asset.id} asset={asset} />
            ))}
          </ul>
        )}
      </CardItems>
    </Card>
  );
}

function LastVideo({ asset }: { asset: Asset }) {
  return (
    <li className="flex items-center gap-3 border-t px-5 py-2.5">
      <Link
        to="/videos/$assetId"
        params={{ assetId: asset.id }}
        className="flex min-w-0 flex-1 items-center gap-3 font-medium no-underline"
      >
        <Picture asset={asset} className="w-16 shrink-0" />
        <span className="truncate" dir="auto">
          {titleOf(asset)}
        </span>
      </Link>
      <Status asset={asset} />
      <span className="text-[13px] text-muted-foreground max-sm:hidden">
        <Ago time={asset.created_at} />
      </span>
    </li>
  );
}

function Use() {
  const may = useMay('usage:read');
  const found = api.useQuery('get', '/api/v1/quotas', {}, { enabled: may });
  const shown = found.data?.items.filter(({ name }) => name !== 'requests_per_minute');
  if (!may) return null;
  return (
    <Card>
      <CardHead title="Used" />
      <CardItems query={found} items={shown} empty="Nothing is counted.">
        {(quotas) => (
          <CardBody className="grid grid-cols-1 gap-4">
            {quotas.map((quota) => (
              <QuotaBar key={quota.name} quota={quota} />
            ))}
          </CardBody>
        )}
      </CardItems>
    </Card>
  );
}

function Machines() {
  const may = useMay('nodes:read');
  // A node that is lost says nothing.
  const found = api.useQuery('get', '/api/v1/nodes', {}, { enabled: may, refetchInterval: LOOK_MS });
  if (!may) return null;
  const none = (
    <CardBody className="text-destructive">
      <p>No machine answers: nothing can be run.</p>
    </CardBody>
  );
  return (
    <Card>
      <CardHead title="Nodes">
        <Button variant="ghost" size="sm" asChild>
          <Link to="/nodes">
            More <ArrowRight aria-hidden />
          </Link>
        </Button>
      </CardHead>
      <CardItems query={found} items={found.data?.items} lines={2} empty={none}>
        {(nodes) => (
          <ul aria-label="Nodes" className="grid grid-cols-1 gap-2 px-5 pb-5">
            {nodes.map((node) => (
              <Machine key={node.name} node={node} />
            ))}
          </ul>
        )}
      </CardItems>
    </Card>
  );
}

function Machine({ node }: { node: Schemas['Node'] }) {
  const work = `${count(node.running, 'attempt')} on ${Math.ceil(node.cpu_used)} of ${node.cpu} cores`;
  return (
    <li className="flex items-center justify-between gap-3">
      <span className="flex min-w-0 items-center gap-2">
        <span aria-hidden className="size-2 shrink-0 rounded-full bg-ok" />
        <span className="truncate">{node.name}</span>
      </span>
      <More>{node.running > 0 ? work : 'idle'}</More>
    </li>
  );
}
