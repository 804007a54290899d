import { api, type Schemas } from '../../api/client';
import { bytes, took } from '../../app/words';
import { Badge } from '../../ui/badge';
import { Cell, Table } from '../../ui/table';
import { Ago } from '../../ui/time';
import { type Job, OUTCOME_TONES } from '../jobs/words';

const SHOWN = 100;
const HEAD = ['Part', 'Number', 'Outcome', 'Node', 'Began', 'Took', 'CPU', 'Memory', 'Made'];

/** The attempts at a job's tasks, newest first: of all stages, or of one. Null while there are none. */
export function useAttempts(job: Job, stage: string): readonly Schemas['Attempt'][] | null {
  const query = { limit: SHOWN, ...(stage ? { stage } : {}) };
  const init = { params: { path: { job_id: job.id }, query } };
  const { data } = api.useQuery('get', '/api/v1/jobs/{job_id}/attempts', init);
  return data && data.items.length > 0 ? data.items : null;
}

export function AttemptTable({ label, attempts }: { label: string; attempts: readonly Schemas['Attempt'][] }) {
  return (
    <Table label={label} head={HEAD}>
      {attempts.map((attempt) => (
        <tr key={attempt.id}>
          <Cell className="whitespace-nowrap font-medium">{attempt.task}</Cell>
          <Cell>{attempt.number}</Cell>
          <Cell className="min-w-32">
            <Badge tone={attempt.outcome ? OUTCOME_TONES[attempt.outcome] : 'accent'}>
              {attempt.outcome ?? 'running'}
            </Badge>
            {attempt.error && (
              <p
                className="mt-1 line-clamp-3 max-w-96 text-[13px] text-destructive [overflow-wrap:anywhere]"
                title={attempt.error.detail}
              >
                {attempt.error.detail}
              </p>
            )}
          </Cell>
          <Cell className="text-muted-foreground">{attempt.node}</Cell>
          <Cell className="text-muted-foreground">
            <Ago time={attempt.placed_at} />
          </Cell>
          <Figures attempt={attempt} />
        </tr>
      ))}
    </Table>
  );
}

/** How long it took, how busy it was meanwhile, how much it held, and how much it made. */
function Figures({ attempt: { spent, max_rss_bytes, size_bytes } }: { attempt: Schemas['Attempt'] }) {
  const cores = spent && spent.wall_s > 0.1 ? ` (${(spent.cpu_s / spent.wall_s).toFixed(1)} cores)` : '';
  const figures = {
    took: spent ? took(spent.wall_s * 1000) : '–',
    cpu: spent ? `${spent.cpu_s.toFixed(1)} s${cores}` : '–',
    memory: bytes(max_rss_bytes),
    made: bytes(size_bytes),
  };
  return Object.entries(figures).map(([name, text]) => (
    <Cell key={name} className="whitespace-nowrap text-muted-foreground tabular-nums">
      {text}
    </Cell>
  ));
}
