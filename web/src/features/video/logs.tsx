import { useInfiniteQuery } from '@tanstack/react-query';
import { useDeferredValue, useState } from 'react';
import { http, type Schemas } from '../../api/client';
import { Button } from '../../ui/button';
import { Card, CardBody, CardHead } from '../../ui/card';
import { cn } from '../../ui/cn';
import { Input, Select } from '../../ui/field';
import { Failed, Loading } from '../../ui/states';

const LINES = 500;
const LOOK_MS = 2_000;
const LEVELS: Record<string, string> = {
  error: 'text-destructive',
  warning: 'text-warn',
  debug: 'text-muted-foreground',
};

type Entry = Schemas['LogEntry'];

/** The lines of a log that have a text in them. */
export function matching(entries: readonly Entry[], text: string): Entry[] {
  const wanted = text.toLowerCase();
  return entries.filter((entry) => entry.message.toLowerCase().includes(wanted));
}

async function linesOf(jobId: string, stage: string, cursor: string | null): Promise<Schemas['LogPage']> {
  const query = { limit: LINES, ...(stage ? { stage } : {}), ...(cursor ? { cursor } : {}) };
  const { data, error } = await http.GET('/api/v1/jobs/{job_id}/logs', { params: { path: { job_id: jobId }, query } });
  if (typeof data !== 'object') throw error;
  return data;
}

/** What the job's attempts have written, as it comes. */
export function Logs({ job }: { job: Schemas['Job'] }) {
  const [text, setText] = useState('');
  const [stage, setStage] = useState('');
  const wanted = useDeferredValue(text);
  const runs = job.status === 'queued' || job.status === 'running';
  const found = useInfiniteQuery({
    queryKey: ['get', '/api/v1/jobs/{job_id}/logs', job.id, stage],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam }) => linesOf(job.id, stage, pageParam),
    getNextPageParam: (page) => page.next_cursor,
    refetchInterval: runs ? LOOK_MS : false,
  });
  const lines = matching(found.data?.pages.flatMap((page) => page.items) ?? [], wanted);
  return (
    <Card>
      <CardHead title="Log">
        <div className="flex flex-wrap gap-2">
          <Select aria-label="Stage" value={stage} onChange={(event) => setStage(event.target.value)}>
            <option value="">All stages</option>
            {job.stages.map(({ name }) => (
              <option key={name}>{name}</option>
            ))}
          </Select>
          <Input
            type="search"
            aria-label="Search the log"
            placeholder="Search"
            className="w-44"
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        </div>
      </CardHead>
      <CardBody>
        {found.isPending ? (
          <Loading lines={3} />
        ) : found.isError ? (
          <Failed error={found.error} onRetry={() => void found.refetch()} />
        ) : (
          <>
            <Lines lines={lines} />
            {found.hasNextPage && (
              <Button size="sm" className="mt-3" onClick={() => void found.fetchNextPage()}>
                More lines
              </Button>
            )}
          </>
        )}
      </CardBody>
    </Card>
  );
}

// Who has a keyboard alone has to be able to scroll it.
const SCROLLS_BY_KEY = { tabIndex: 0 };

function Lines({ lines }: { lines: readonly Entry[] }) {
  if (lines.length === 0) return <p className="text-muted-foreground">No such line.</p>;
  return (
    <section
      aria-label="Lines"
      className="max-h-96 overflow-auto rounded-lg bg-sunken p-3 font-mono text-[12px] leading-5"
      {...SCROLLS_BY_KEY}
    >
      {lines.map((entry) => (
        <p
          key={`${entry.attempt_id} ${entry.line}`}
          className={cn('whitespace-pre-wrap [overflow-wrap:anywhere]', LEVELS[entry.level])}
        >
          <span className="select-none text-muted-foreground">{entry.task.padEnd(12)} </span>
          {entry.message}
        </p>
      ))}
    </section>
  );
}
