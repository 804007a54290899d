import type { Schemas } from '../../api/client';
import type { Tone } from '../../ui/badge';

export type Job = Schemas['Job'];
export type JobSummary = Schemas['JobSummary'];

export const JOB_STATUS: Record<Schemas['JobStatus'], { label: string; tone: Tone }> = {
  queued: { label: 'Waiting', tone: 'warn' },
  running: { label: 'Running', tone: 'accent' },
  done: { label: 'Done', tone: 'ok' },
  failed: { label: 'Failed', tone: 'danger' },
  cancelled: { label: 'Cancelled', tone: 'quiet' },
};

export const STAGE_STATUS: Record<Schemas['TaskStatus'], { label: string; tone: Tone }> = {
  waiting: { label: 'To come', tone: 'quiet' },
  ready: { label: 'Waiting for room', tone: 'warn' },
  placed: { label: 'Starting', tone: 'accent' },
  running: { label: 'Running', tone: 'accent' },
  done: { label: 'Done', tone: 'ok' },
  dead: { label: 'Failed', tone: 'danger' },
  cancelled: { label: 'Cancelled', tone: 'quiet' },
};

export const OUTCOME_TONES: Record<Schemas['Outcome'], Tone> = {
  ok: 'ok',
  failed: 'danger',
  lost: 'warn',
  cancelled: 'quiet',
};

export function isOver({ status }: Pick<JobSummary, 'status'>): boolean {
  return status === 'done' || status === 'failed' || status === 'cancelled';
}

/** What a job is at, or why it is at nothing: the stages that run, else what the first one waits for. */
export function activity(job: Job): string {
  const running = job.stages
    .filter(({ status }) => status === 'running' || status === 'placed')
    .map(({ name }) => name);
  if (running.length > 0) return running.join(', ');
  return job.stages.find(({ waits_for }) => waits_for)?.waits_for ?? '';
}

/** Whether something of it runs now. A job that has begun may wait for room like any other. */
export function isAtWork(job: JobSummary, detail: Job | undefined): boolean {
  if (!detail) return job.status === 'running';
  return detail.stages.some(({ status }) => status === 'running' || status === 'placed');
}

const RANKS: Record<Schemas['Priority'], number> = { high: 0, normal: 1, low: 2 };

/** Those that wait or run as the queue has them: by priority, then who came first. */
export function byQueue(jobs: readonly JobSummary[]): JobSummary[] {
  return [...jobs].sort(
    (one, other) => RANKS[one.priority] - RANKS[other.priority] || one.created_at.localeCompare(other.created_at),
  );
}
