import { RotateCcw, X } from 'lucide-react';
import { useState } from 'react';
import { instead } from '../../api/problem';
import { useMay } from '../../app/session';
import { percent, took } from '../../app/words';
import { Badge } from '../../ui/badge';
import { Button } from '../../ui/button';
import { Card, CardBody, CardHead } from '../../ui/card';
import { cn } from '../../ui/cn';
import { Progress } from '../../ui/progress';
import { Failed, Loading, Nothing } from '../../ui/states';
import { JobDeeds, useRetry } from '../jobs/deeds';
import { isOver, JOB_STATUS, type Job, STAGE_STATUS } from '../jobs/words';
import type { Asset } from '../videos/asset';
import { useJob } from '../videos/status';
import { AttemptTable, useAttempts } from './attempts';
import { Log, Logs } from './logs';
import { Plan } from './plan';
import { factsOf, runs, type Stage } from './stage-words';

/** How the video is made: the plan, each stage as it goes, its attempts, its log. */
export default function Processing({ asset }: { asset: Asset }) {
  const found = useJob(asset.job_id, true);
  if (asset.job_id === null) return <Nothing title="No job has worked on it" />;
  const wrong = instead(found);
  if (wrong) return <Failed error={wrong} onRetry={() => void found.refetch()} />;
  if (!found.data) return <Loading />;
  return (
    <div className="grid grid-cols-1 gap-5">
      <Summary job={found.data} />
      <Attempts job={found.data} />
      <Logs job={found.data} />
    </div>
  );
}

function Summary({ job }: { job: Job }) {
  const retry = useRetry(job.id);
  const mayChange = useMay('jobs:write');
  const [chosen, setChosen] = useState('');
  const { label, tone } = JOB_STATUS[job.status];
  const stage = job.stages.find(({ name }) => name === chosen);
  const retryFrom = ({ name }: Stage) => (mayChange && isOver(job) ? () => void retry(name) : null);
  return (
    <Card>
      <CardHead
        title={
          <span className="flex items-center gap-2.5">
            Job <Badge tone={tone}>{label}</Badge>
          </span>
        }
        hint={<JobFacts job={job} />}
      >
        <JobDeeds job={job} />
      </CardHead>
      <CardBody className="grid grid-cols-1 gap-4">
        {!isOver(job) && <Progress fraction={job.progress.fraction} label="The whole job" />}
        {job.error && (
          <p className="rounded-lg bg-destructive-soft px-3 py-2 text-destructive [overflow-wrap:anywhere]">
            {job.error.detail} <span className="font-mono text-[12px]">{job.error.code}</span>
          </p>
        )}
        <Plan job={job} chosen={chosen} onChoose={setChosen} />
        {stage && <InPlace job={job} stage={stage} onClose={() => setChosen('')} />}
        <ol className="grid">
          {job.stages.map((stage) => (
            <StageLine key={stage.name} stage={stage} onRetry={retryFrom(stage)} />
          ))}
        </ol>
      </CardBody>
    </Card>
  );
}

function JobFacts({ job }: { job: Job }) {
  const left = job.eta_ms ? `about ${took(job.eta_ms)} left` : '';
  const facts = [took(job.duration_ms), `priority ${job.priority}`, left].filter((fact) => fact !== '' && fact !== '–');
  return (
    <>
      <span className="font-mono">{job.id}</span> · {facts.join(' · ')}
    </>
  );
}

/** One stage: how far it is, how quick, what it waits for, what went wrong. */
function StageLine({ stage, onRetry }: { stage: Stage; onRetry: (() => void) | null }) {
  const { label, tone } = STAGE_STATUS[stage.status];
  return (
    <li className="grid gap-1.5 border-t py-2.5 first:border-0">
      <div className="flex min-h-8 flex-wrap items-center gap-x-3 gap-y-1">
        <span className={cn('min-w-28 font-medium', stage.status === 'waiting' && 'text-muted-foreground')}>
          {stage.name}
        </span>
        <Badge tone={tone}>{label}</Badge>
        <span className="text-[13px] text-muted-foreground tabular-nums">{factsOf(stage)}</span>
        <span className="ml-auto flex items-center gap-2">
          {runs(stage) && <span className="text-[13px] tabular-nums">{percent(stage.progress.fraction)}</span>}
          {onRetry && (
            <Button size="sm" variant="ghost" aria-label={`Run again from ${stage.name}`} onClick={onRetry}>
              <RotateCcw aria-hidden /> From here
            </Button>
          )}
        </span>
      </div>
      {runs(stage) && <Progress fraction={stage.progress.fraction} label={stage.name} />}
      {stage.waits_for && <p className="text-[13px] text-muted-foreground">{stage.waits_for}</p>}
      {stage.error && <p className="text-[13px] text-destructive [overflow-wrap:anywhere]">{stage.error.detail}</p>}
    </li>
  );
}

/** The stage that was chosen in the picture: its attempts and its log, where one looks. */
function InPlace({ job, stage, onClose }: { job: Job; stage: Stage; onClose: () => void }) {
  const attempts = useAttempts(job, stage.name);
  return (
    <section aria-label={`The stage ${stage.name}`} className="grid grid-cols-1 gap-3 rounded-lg border p-4">
      <div className="flex items-center gap-3">
        <h3 className="font-semibold">{stage.name}</h3>
        <span className="text-[13px] text-muted-foreground tabular-nums">{factsOf(stage)}</span>
        <Button variant="ghost" size="icon-sm" aria-label="Close the stage" className="ml-auto" onClick={onClose}>
          <X />
        </Button>
      </div>
      {stage.error && <p className="text-destructive [overflow-wrap:anywhere]">{stage.error.detail}</p>}
      {attempts ? (
        <AttemptTable label={`Attempts at ${stage.name}`} attempts={attempts} />
      ) : (
        <p className="text-muted-foreground">Nothing was tried yet.</p>
      )}
      <Log job={job} stage={stage.name} />
    </section>
  );
}

function Attempts({ job }: { job: Job }) {
  const attempts = useAttempts(job, '');
  if (!attempts) return null;
  return (
    <Card>
      <CardHead title="Attempts" hint="What was run, where, and what it took; newest first." />
      <AttemptTable label="Attempts" attempts={attempts} />
    </Card>
  );
}
