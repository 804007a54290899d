import { useInfiniteQuery, useQueries, useQuery } from '@tanstack/react-query';
import { Activity, RotateCcw, ScrollText } from 'lucide-react';
import { useState } from 'react';
import { answered } from '../../api/answered';
import { api, http, type Schemas } from '../../api/client';
import { instead } from '../../api/problem';
import { useDeed } from '../../app/deed';
import { say, sayProblem } from '../../app/messages';
import { fetchMore } from '../../app/more';
import { useOnce } from '../../app/once';
import { part } from '../../app/part';
import { useMay } from '../../app/session';
import { count, percent, took } from '../../app/words';
import { Badge } from '../../ui/badge';
import { Button } from '../../ui/button';
import { Card } from '../../ui/card';
import { Page } from '../../ui/page';
import { Progress } from '../../ui/progress';
import { Failed, Loading, Nothing } from '../../ui/states';
import { Cell, Table } from '../../ui/table';
import { TabPanel, Tabs } from '../../ui/tabs';
import { Ago } from '../../ui/time';
import { titleOf } from '../videos/asset';
import { jobQuery, useJob } from '../videos/status';
import { JobDeeds } from './deeds';
import { JOB_TABS, type JobTab } from './tabs';
import { VideoLink } from './video-link';
import { activity, byQueue, isAtWork, isOver, JOB_STATUS, type JobSummary } from './words';

const JobLog = part(() => import('./job-log'));

const LABELS: Record<JobTab, string> = {
  queue: 'Queue',
  dead: 'Dead letters',
  failed: 'Failed',
  done: 'Done',
  all: 'All',
};

/** What is worked on, what waits and why, and what gave up. */
export function Jobs({ tab, onTab }: { tab: JobTab; onTab: (tab: JobTab) => void }) {
  return (
    <Page title="Jobs" hint="High goes before normal, normal before low; organizations take turns.">
      <Tabs
        label="Which jobs"
        value={tab}
        onChange={(next) => onTab(next as JobTab)}
        tabs={JOB_TABS.map((value) => ({ value, label: LABELS[value] }))}
      >
        <TabPanel value={tab}>{tab === 'queue' ? <Queue /> : <JobList key={tab} tab={tab} />}</TabPanel>
      </Tabs>
    </Page>
  );
}

type Status = Schemas['JobStatus'];

interface Asked {
  limit: number;
  status?: Status;
  dead?: boolean;
  cursor?: string;
}

function read(query: Asked): Promise<Schemas['JobPage']> {
  return answered(http.GET('/api/v1/jobs', { params: { query } }));
}

const PAGE_SIZE = 100;
const MOST_PAGES = 10;
const SHOWN = 50;

/** All jobs in a state, but for what is beyond a thousand of them: the API lists the newest first, whose turn comes last. */
async function jobsIn(status: Status): Promise<{ items: JobSummary[]; isWhole: boolean }> {
  const items: JobSummary[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const found: Schemas['JobPage'] = await read({ status, limit: PAGE_SIZE, ...(cursor ? { cursor } : {}) });
    items.push(...found.items);
    cursor = found.next_cursor;
    if (cursor === null) break;
  }
  return { items, isWhole: cursor === null };
}

function useJobsIn(status: Status) {
  return useQuery({ queryKey: ['get', '/api/v1/jobs', 'in', status], queryFn: () => jobsIn(status) });
}

/** Those that run and those that wait, in the order in which their turn comes. */
function Queue() {
  const running = useJobsIn('running');
  const queued = useJobsIn('queued');
  const wrong = instead(running) ?? instead(queued);
  if (wrong) return <Failed error={wrong} onRetry={() => void Promise.all([running.refetch(), queued.refetch()])} />;
  if (!running.data || !queued.data) return <Loading />;
  const jobs = byQueue([...running.data.items, ...queued.data.items]);
  return <InOrder jobs={jobs} isWhole={running.data.isWhole && queued.data.isWhole} />;
}

interface InOrderProps {
  jobs: readonly JobSummary[];
  /** Whether these are all: else nobody knows whose turn is next. */
  isWhole: boolean;
}

function InOrder({ jobs, isWhole }: InOrderProps) {
  const begun = jobs.filter(({ status }) => status === 'running');
  const details = useQueries({ queries: begun.slice(0, SHOWN).map(({ id }) => jobQuery(id)) });
  if (jobs.length === 0) {
    return (
      <Nothing icon={<Activity />} title="Nothing to do">
        <p>No job runs, and none waits.</p>
      </Nothing>
    );
  }
  const atWork = begun.filter((job, place) => isAtWork(job, details[place]?.data));
  const known = new Set(atWork);
  const waiting = jobs.filter((job) => !known.has(job));
  const shown = waiting.slice(0, SHOWN);
  return (
    <Card>
      <Table label="The queue" head={['Place', 'Video', 'Status', 'Priority', 'Created', '']}>
        {atWork.map((job) => (
          <Line key={job.id} job={job} place="▸" />
        ))}
        {shown.map((job, place) => (
          <Line key={job.id} job={job} place={isWhole ? `${place + 1}` : '–'} />
        ))}
      </Table>
      {waiting.length > shown.length && (
        <p className="border-t px-5 py-3 text-muted-foreground">
          {count(waiting.length - shown.length, 'more job waits', 'more jobs wait')}
          {isWhole ? '.' : ', or even more: so many that their places are not known.'}
        </p>
      )}
    </Card>
  );
}

const FILTERS: Record<Exclude<JobTab, 'queue'>, { status?: Status; dead?: boolean }> = {
  dead: { dead: true },
  failed: { status: 'failed' },
  done: { status: 'done' },
  all: {},
};

function pageOf(tab: Exclude<JobTab, 'queue'>, cursor: string | null): Promise<Schemas['JobPage']> {
  return read({ limit: 50, ...FILTERS[tab], ...(cursor ? { cursor } : {}) });
}

function JobList({ tab }: { tab: Exclude<JobTab, 'queue'> }) {
  const found = useInfiniteQuery({
    queryKey: ['get', '/api/v1/jobs', 'list', tab],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam }) => pageOf(tab, pageParam),
    getNextPageParam: (page) => page.next_cursor,
  });
  const wrong = instead(found);
  if (wrong) return <Failed error={wrong} onRetry={() => void found.refetch()} />;
  if (!found.data) return <Loading />;
  const jobs = found.data.pages.flatMap((page) => page.items);
  if (jobs.length === 0)
    return <Nothing icon={<Activity />} title={tab === 'dead' ? 'No job has given up' : 'No such job'} />;
  return (
    <div className="grid grid-cols-1 gap-4">
      {tab === 'dead' && <RequeueAll />}
      <Card>
        <Table label={LABELS[tab]} head={['Video', 'Status', 'Priority', 'Created', '']}>
          {jobs.map((job) => (
            <Line key={job.id} job={job} />
          ))}
        </Table>
      </Card>
      {found.hasNextPage && (
        <Button className="justify-self-center" onClick={() => fetchMore(found)}>
          More
        </Button>
      )}
    </div>
  );
}

function RequeueAll() {
  const deed = useDeed();
  const mayChange = useMay('jobs:write');
  const [requeue] = useOnce(async () => {
    const answer = await deed(() => http.POST('/api/v1/jobs/requeue', {}), { touches: ['/api/v1/jobs'] });
    const left = answer?.data?.left ?? 0;
    if (answer)
      say(left > 0 ? `The first are on the way again; ${count(left, 'job')} left.` : 'They are on the way again.');
  });
  if (!mayChange) return null;
  return (
    <div className="flex flex-wrap items-center justify-between gap-3 rounded-xl border bg-warn-soft px-5 py-3 text-warn">
      <p>These used up the attempts at one of their tasks. Where the reason is gone, try them again.</p>
      <Button onClick={requeue}>
        <RotateCcw aria-hidden /> Try all again
      </Button>
    </div>
  );
}

/** A job: its video, where it stands and why, and what can be done. */
function Line({ job, place }: { job: JobSummary; place?: string }) {
  const [open, setOpen] = useState(false);
  const { data: asset } = api.useQuery(
    'get',
    '/api/v1/assets/{asset_id}',
    { params: { path: { asset_id: job.asset_id } } },
    { staleTime: 60_000, retry: false },
  );
  const title = asset ? titleOf(asset) : job.asset_id;
  const toggle = () => (open ? setOpen(false) : void JobLog.load().then(() => setOpen(true), sayProblem));
  return (
    <>
      <tr>
        {place && <Cell className="w-12 text-muted-foreground tabular-nums">{place}</Cell>}
        <Cell className="min-w-48 max-w-80">
          <VideoLink job={job} title={title} />
        </Cell>
        <Cell className="min-w-56">
          <Standing job={job} />
        </Cell>
        <Cell className="text-muted-foreground">{job.priority}</Cell>
        <Cell className="text-muted-foreground">
          <Ago time={job.created_at} />
        </Cell>
        <Cell>
          <div className="flex justify-end gap-1">
            <Button size="sm" variant="ghost" aria-expanded={open} aria-label={`Log of ${title}`} onClick={toggle}>
              <ScrollText aria-hidden /> Log
            </Button>
            <JobDeeds job={job} variant="ghost" />
          </div>
        </Cell>
      </tr>
      {open && (
        <tr>
          <Cell colSpan={place ? 6 : 5} className="bg-sunken">
            <JobLog jobId={job.id} />
          </Cell>
        </tr>
      )}
    </>
  );
}

function Standing({ job }: { job: JobSummary }) {
  const { label, tone } = JOB_STATUS[job.status];
  return (
    <div className="grid grid-cols-1 gap-1">
      <div className="flex items-center gap-2">
        <Badge tone={tone}>{label}</Badge>
        {isOver(job) && job.duration_ms !== null && (
          <span className="text-[13px] text-muted-foreground">{took(job.duration_ms)}</span>
        )}
      </div>
      {!isOver(job) && <UnderWay job={job} />}
      {job.error && (
        <p className="line-clamp-2 text-[13px] text-destructive [overflow-wrap:anywhere]" title={job.error.detail}>
          {job.error.detail}
        </p>
      )}
    </div>
  );
}

function UnderWay({ job }: { job: JobSummary }) {
  // One that waits says by events that something of it has changed.
  const { data } = useJob(job.id, job.status === 'running');
  if (!data) return null;
  const { fraction } = data.progress;
  return (
    <>
      {data.status === 'running' && (
        <div className="flex items-center gap-2">
          <Progress fraction={fraction} label="The job" className="max-w-40" />
          <span className="text-[13px] tabular-nums">{percent(fraction)}</span>
        </div>
      )}
      <p className="text-[13px] text-muted-foreground">{activity(data)}</p>
    </>
  );
}
