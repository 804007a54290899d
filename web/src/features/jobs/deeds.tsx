import { Ban, RotateCcw } from 'lucide-react';
import { type ComponentProps, useState } from 'react';
import { http } from '../../api/client';
import { useDeed } from '../../app/deed';
import { useMay } from '../../app/session';
import { Button } from '../../ui/button';
import { Confirm } from '../../ui/dialog';
import { isOver, type JobSummary } from './words';

const TOUCHES = ['/api/v1/jobs', '/api/v1/assets'];

/** Runs what failed of a job again, or all from a stage on. */
export function useRetry(jobId: string) {
  const deed = useDeed();
  return (stage?: string) => {
    const body = stage ? { body: { resume_from: stage } } : {};
    const done = stage ? `It runs again from ${stage}.` : 'What failed runs again.';
    const path = { params: { path: { job_id: jobId } } };
    return deed(() => http.POST('/api/v1/jobs/{job_id}/retry', { ...path, ...body }), { done, touches: TOUCHES });
  };
}

interface JobDeedsProps {
  job: Pick<JobSummary, 'id' | 'status'>;
  variant?: ComponentProps<typeof Button>['variant'];
}

/** What can be done to a job as it stands now: to end it, or to try again what was not done. */
export function JobDeeds({ job, variant }: JobDeedsProps) {
  const mayChange = useMay('jobs:write');
  const retry = useRetry(job.id);
  if (!mayChange || job.status === 'done') return null;
  if (!isOver(job)) return <Cancel jobId={job.id} variant={variant ?? 'destructive'} />;
  return (
    <Button size="sm" variant={variant} onClick={() => void retry()}>
      <RotateCcw aria-hidden /> Try again
    </Button>
  );
}

function Cancel({ jobId, variant }: { jobId: string } & Pick<JobDeedsProps, 'variant'>) {
  const deed = useDeed();
  const [asked, setAsked] = useState(false);
  const cancel = () =>
    deed(() => http.DELETE('/api/v1/jobs/{job_id}', { params: { path: { job_id: jobId } } }), {
      done: 'The job is cancelled. What is done stays.',
      touches: TOUCHES,
    });
  return (
    <>
      <Button size="sm" variant={variant} onClick={() => setAsked(true)}>
        <Ban aria-hidden /> Cancel
      </Button>
      <Confirm
        open={asked}
        onOpenChange={setAsked}
        title="Cancel this job?"
        action="Cancel the job"
        onConfirm={() => void cancel()}
      >
        Its processes end at once. What is done stays, and it can be tried again.
      </Confirm>
    </>
  );
}
