import type { Schemas } from '../../api/client';
import { count, took } from '../../app/words';

export type Stage = Schemas['Stage'];

export function runs({ status }: Pick<Stage, 'status'>): boolean {
  return status === 'running' || status === 'placed';
}

/** What there is to say of a stage beside its state. */
export function factsOf(stage: Stage): string {
  const facts = [
    stage.tasks > 1 ? `${stage.tasks_done} of ${stage.tasks} parts` : '',
    stage.progress.fps ? `${Math.round(stage.progress.fps)} frames/s` : '',
    stage.progress.speed ? `${stage.progress.speed.toFixed(1)} × speed` : '',
    stage.reused > 0 ? 'taken from before' : '',
    stage.attempts > stage.tasks ? count(stage.attempts, 'attempt') : '',
    stage.duration_ms !== null ? took(stage.duration_ms) : '',
  ];
  return facts.filter((fact) => fact !== '').join(' · ');
}
