import { useInfiniteQuery } from '@tanstack/react-query';
import { memo, useDeferredValue, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { http, type Schemas } from '../../api/client';
import { instead } from '../../api/problem';
import { fetchMore } from '../../app/more';
import { Button } from '../../ui/button';
import { Card, CardBody, CardHead } from '../../ui/card';
import { cn } from '../../ui/cn';
import { Input, Select } from '../../ui/field';
import { Failed, Loading } from '../../ui/states';

const LINES = 500;
const LOOK_MS = 2_000;
const FOLLOWED_PAGES = 6; // of a log that grows, without a click
const COLOURS: Record<string, string> = {
  error: 'text-destructive',
  warning: 'text-warn',
  debug: 'text-muted-foreground',
};
const LEVELS = ['debug', 'info', 'warning', 'error'] as const;
type Level = (typeof LEVELS)[number];
const FROM: Readonly<Record<Level, string>> = {
  debug: 'All levels',
  info: 'Info and above',
  warning: 'Warnings and errors',
  error: 'Errors',
};

type Entry = Schemas['LogEntry'];

/** The lines of a log that have a text in them, and at least this level. */
export function matching(entries: readonly Entry[], text: string, from: Level = 'debug'): Entry[] {
  const wanted = text.toLowerCase();
  const levels: readonly string[] = LEVELS.slice(LEVELS.indexOf(from));
  return entries.filter(
    ({ level, message }) => (from === 'debug' || levels.includes(level)) && message.toLowerCase().includes(wanted),
  );
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
  const [from, setFrom] = useState<Level>('debug');
  const wanted = useDeferredValue(text);
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
          <Select aria-label="Level" value={from} onChange={(event) => setFrom(event.target.value as Level)}>
            {LEVELS.map((level) => (
              <option key={level} value={level}>
                {FROM[level]}
              </option>
            ))}
          </Select>
          <Input
            type="search"
            aria-label="Search the log"
            placeholder="Search"
            className="max-w-44"
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        </div>
      </CardHead>
      <CardBody>
        <Log job={job} stage={stage} text={wanted} from={from} />
      </CardBody>
    </Card>
  );
}

interface LogProps {
  job: Schemas['Job'];
  /** Whose lines; empty for those of all stages. */
  stage: string;
  text?: string;
  from?: Level;
}

/** The lines of a job's log, as they come, with a text in them and from a level on. */
export function Log({ job, stage, text = '', from = 'debug' }: LogProps) {
  const runs = job.status === 'queued' || job.status === 'running';
  const found = useInfiniteQuery({
    queryKey: ['get', '/api/v1/jobs/{job_id}/logs', job.id, stage],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam }) => linesOf(job.id, stage, pageParam),
    getNextPageParam: (page) => (page.items.length < LINES ? null : page.next_cursor),
    refetchInterval: runs ? LOOK_MS : false,
  });
  const isSought = text !== '' || from !== 'debug';
  useRest(isSought || (runs && (found.data?.pages.length ?? 0) < FOLLOWED_PAGES), found);
  // What is asked for again and again is drawn anew where there is more of it.
  const lines = useMemo(
    () => matching(found.data?.pages.flatMap(({ items }) => items) ?? [], text, from),
    [found.data, text, from],
  );
  const wrong = instead(found);
  if (wrong) return <Failed error={wrong} onRetry={() => void found.refetch()} />;
  if (!found.data) return <Loading lines={3} />;
  return (
    <>
      {lines.length > 0 ? (
        <Lines lines={lines} label={stage ? `Lines of ${stage}` : 'Lines'} follows={runs && !isSought} />
      ) : (
        <p className="text-muted-foreground">{isSought ? 'No line is like this.' : 'The log is empty.'}</p>
      )}
      {found.hasNextPage && (
        <Button size="sm" className="mt-3" onClick={() => fetchMore(found)}>
          More lines
        </Button>
      )}
    </>
  );
}

interface Paged {
  hasNextPage: boolean;
  isFetching: boolean;
  isError: boolean;
  fetchNextPage: () => unknown;
}

/** What is sought may be in any line: all of them are fetched, page by page. */
function useRest(isSought: boolean, { hasNextPage, isFetching, isError, fetchNextPage }: Paged): void {
  const isDue = isSought && hasNextPage && !isFetching && !isError;
  useEffect(() => {
    if (isDue) void fetchNextPage();
  }, [isDue, fetchNextPage]);
}

// Who has a keyboard alone has to be able to scroll it.
const SCROLLS_BY_KEY = { tabIndex: 0 };

interface LinesProps {
  lines: readonly Entry[];
  label: string;
  /** Whether its end is kept in sight as it grows, unless somebody has scrolled away from it. */
  follows: boolean;
}

const NEAR_PX = 24;

const Lines = memo(function Lines({ lines, label, follows }: LinesProps) {
  const box = useRef<HTMLElement>(null);
  const isAtEnd = useRef(true);
  useLayoutEffect(() => {
    if (lines.length > 0 && follows && isAtEnd.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines, follows]);
  return (
    <section
      ref={box}
      aria-label={label}
      onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
        isAtEnd.current = scrollHeight - scrollTop - clientHeight < NEAR_PX;
      }}
      className="max-h-96 overflow-auto rounded-lg bg-sunken p-3 font-mono text-[12px] leading-5"
      {...SCROLLS_BY_KEY}
    >
      {lines.map((entry) => (
        <p
          key={`${entry.attempt_id} ${entry.line}`}
          className={cn('whitespace-pre-wrap [overflow-wrap:anywhere]', COLOURS[entry.level])}
        >
          <span className="select-none text-muted-foreground">{entry.task.padEnd(12)} </span>
          {entry.level !== 'info' && <span className="font-semibold">{entry.level} </span>}
          {entry.message}
        </p>
      ))}
    </section>
  );
});
