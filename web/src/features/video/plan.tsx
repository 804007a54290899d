import { useQuery } from '@tanstack/react-query';
import { useId, useMemo } from 'react';
import { http, type Schemas } from '../../api/client';
import { count, percent, took } from '../../app/words';
import { cn } from '../../ui/cn';
import { type Job, STAGE_STATUS } from '../jobs/words';
import { Legend } from './legend';
import { type Box, type Line, layoutOf } from './plan-layout';
import { COLOURS, MARKS } from './stage-marks';
import { runs, type Stage } from './stage-words';

const WIDTH_PX = 176;
const HEIGHT_PX = 60;
const ACROSS_PX = WIDTH_PX + 44;
const DOWN_PX = HEIGHT_PX + 14;
const EDGE_PX = 12;
const PRELUDE = new Set(['fetch', 'probe']);

/** A job's plan; it changes only when it is made anew, and events that tell of tasks don't make it old. */
function usePlan(job: Job): Schemas['PlanView'] | undefined {
  const shape = job.stages.map(({ name, tasks }) => `${name} ${tasks}`).join();
  const { data } = useQuery({
    queryKey: ['plan', job.id, shape],
    queryFn: async () => {
      const { data, error } = await http.GET('/api/v1/jobs/{job_id}/plan', { params: { path: { job_id: job.id } } });
      if (!data) throw error;
      return data;
    },
    enabled: job.stages.some(({ name }) => !PRELUDE.has(name)),
    staleTime: Number.POSITIVE_INFINITY,
  });
  return data;
}

interface PlanProps {
  job: Job;
  /** The stage that is looked at; empty for none. */
  chosen: string;
  onChoose: (stage: string) => void;
}

/** The plan as a picture: from left to right what comes after what, with how far each stage is. Nothing before it is made. */
export function Plan({ job, chosen, onChoose }: PlanProps) {
  const plan = usePlan(job);
  const names = job.stages.map(({ name }) => name).join();
  const picture = useMemo(() => (plan ? layoutOf(names.split(','), plan.nodes) : null), [plan, names]);
  if (!plan || !picture) return null;
  const stages = new Map(job.stages.map((stage) => [stage.name, stage]));
  const width = (picture.layers - 1) * ACROSS_PX + WIDTH_PX + 2 * EDGE_PX;
  const height = (picture.rows - 1) * DOWN_PX + HEIGHT_PX + 2 * EDGE_PX;
  return (
    <div className="grid grid-cols-1 gap-2">
      <section aria-label="The plan" className="overflow-x-auto rounded-lg bg-sunken">
        <div className="relative mx-auto" style={{ width, height }}>
          <Lines lines={picture.lines} boxes={picture.boxes} stages={stages} width={width} height={height} />
          {picture.boxes.map((box) => {
            const stage = stages.get(box.name);
            return (
              stage && (
                <StageBox
                  key={box.name}
                  box={box}
                  stage={stage}
                  isChosen={chosen === box.name}
                  onChoose={() => onChoose(chosen === box.name ? '' : box.name)}
                />
              )
            );
          })}
        </div>
      </section>
      {plan.notes.length > 0 && (
        <details className="text-[13px] text-muted-foreground">
          <summary className="w-fit cursor-pointer">Why it is made so</summary>
          <ul className="mt-1 list-disc pl-5">
            {plan.notes.map((note) => (
              <li key={note} className="[overflow-wrap:anywhere]">
                {note}
              </li>
            ))}
          </ul>
        </details>
      )}
      <Legend />
    </div>
  );
}

interface LinesProps {
  lines: readonly Line[];
  boxes: readonly Box[];
  stages: ReadonlyMap<string, Stage>;
  width: number;
  height: number;
}

/** What comes of what: a whole line where that is there, a broken one where it is to come. */
function Lines({ lines, boxes, stages, width, height }: LinesProps) {
  const arrow = useId();
  const places = new Map(boxes.map((box) => [box.name, placeOf(box)]));
  return (
    <svg aria-hidden="true" width={width} height={height} className="absolute inset-0 text-muted-foreground">
      <marker id={arrow} viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
        <path d="M0 0.5 7 4 0 7.5" fill="none" stroke="currentColor" />
      </marker>
      {lines.map(({ from, to }) => {
        const [one, other] = [places.get(from), places.get(to)];
        if (!one || !other) return null;
        const [x1, y1, x2, y2] = [one.left + WIDTH_PX, one.top + HEIGHT_PX / 2, other.left, other.top + HEIGHT_PX / 2];
        const middle = (x1 + x2) / 2;
        return (
          <path
            key={`${from} ${to}`}
            d={`M${x1} ${y1} C${middle} ${y1} ${middle} ${y2} ${x2 - 2} ${y2}`}
            fill="none"
            stroke="currentColor"
            strokeWidth={1.5}
            markerEnd={`url(#${arrow})`}
            {...(stages.get(from)?.status === 'done' ? {} : { strokeDasharray: '4 4' })}
          />
        );
      })}
    </svg>
  );
}

function placeOf({ layer, row }: Box): { left: number; top: number } {
  return { left: EDGE_PX + layer * ACROSS_PX, top: EDGE_PX + row * DOWN_PX };
}

/** How a stage stands, in a few words. */
export function standing(stage: Stage): string {
  const { label } = STAGE_STATUS[stage.status];
  const { tasks, tasks_done } = stage;
  const done = tasks > 1 ? `${tasks_done} of ${tasks}` : '';
  if (runs(stage)) return [label, done, percent(stage.progress.fraction)].filter(Boolean).join(', ');
  if (stage.status !== 'done') return [label, done].filter(Boolean).join(', ');
  if (stage.reused === tasks) return `${label} before`;
  return [label, tasks > 1 ? count(tasks, 'part') : '', took(stage.duration_ms)].filter(Boolean).join(', ');
}

interface StageBoxProps {
  box: Box;
  stage: Stage;
  isChosen: boolean;
  onChoose: () => void;
}

function StageBox({ box, stage, isChosen, onChoose }: StageBoxProps) {
  const Mark = MARKS[stage.status];
  const { text, border } = COLOURS[STAGE_STATUS[stage.status].tone];
  return (
    <button
      type="button"
      aria-pressed={isChosen}
      title={box.detail ? `${box.name}: ${box.detail}` : box.name}
      onClick={onChoose}
      className={cn(
        'absolute grid content-center gap-0.5 overflow-hidden rounded-lg border bg-card px-2.5 text-left hover:bg-muted',
        border,
        isChosen && 'ring-2 ring-ring',
      )}
      style={{ ...placeOf(box), width: WIDTH_PX, height: HEIGHT_PX }}
    >
      <span className="flex min-w-0 items-center gap-1.5">
        <Mark aria-hidden className={cn('size-4 shrink-0', text, stage.status === 'running' && 'animate-spin')} />
        <span className="shrink-0 font-medium">{stage.name}</span>{' '}
        <span className="truncate text-[12px] text-muted-foreground">{box.detail}</span>
      </span>{' '}
      <span className={cn('truncate text-[12px] tabular-nums', text)}>{standing(stage)}</span>
      {runs(stage) && (
        <span
          aria-hidden
          className="absolute bottom-0 left-0 h-1 bg-primary transition-[width] duration-500"
          style={{ width: `${stage.progress.fraction * 100}%` }}
        />
      )}
    </button>
  );
}
