import { Ban, CircleCheck, CircleDashed, CircleX, Hourglass, LoaderCircle, type LucideIcon } from 'lucide-react';
import type { Schemas } from '../../api/client';
import type { Tone } from '../../ui/badge';

/** The sign of each state. */
export const MARKS: Record<Schemas['TaskStatus'], LucideIcon> = {
  waiting: CircleDashed,
  ready: Hourglass,
  placed: LoaderCircle,
  running: LoaderCircle,
  done: CircleCheck,
  dead: CircleX,
  cancelled: Ban,
};

export const COLOURS: Record<Tone, { text: string; border: string }> = {
  quiet: { text: 'text-muted-foreground', border: 'border-border' },
  accent: { text: 'text-primary', border: 'border-primary' },
  ok: { text: 'text-ok', border: 'border-ok' },
  warn: { text: 'text-warn', border: 'border-warn' },
  danger: { text: 'text-destructive', border: 'border-destructive' },
};
