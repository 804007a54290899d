import { percent } from '../app/words';
import { cn } from './cn';

interface ProgressProps {
  /** From 0 to 1; null where it isn't known. */
  fraction: number | null;
  label: string;
  className?: string;
  tone?: 'accent' | 'ok' | 'danger';
}

const TONES = { accent: 'bg-primary', ok: 'bg-ok', danger: 'bg-destructive' };

export function Progress({ fraction, label, className, tone = 'accent' }: ProgressProps) {
  const shown = fraction === null ? null : Math.min(Math.max(fraction, 0), 1);
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      {...(shown === null ? {} : { 'aria-valuenow': Math.floor(shown * 100), 'aria-valuetext': percent(shown) })}
      className={cn('h-1.5 w-full overflow-hidden rounded-full bg-muted', className)}
    >
      <div
        className={cn(
          'h-full rounded-full transition-[width] duration-500',
          TONES[tone],
          shown === null && 'animate-pulse',
        )}
        style={{ width: shown === null ? '40%' : `${shown * 100}%` }}
      />
    </div>
  );
}
