import { CircleAlert, Lock, WifiOff } from 'lucide-react';
import type { ReactNode } from 'react';
import { told } from '../api/problem';
import { Button } from './button';
import { cn } from './cn';

interface NothingProps {
  icon?: ReactNode;
  title: string;
  children?: ReactNode;
  /** Within a card, where a page has more room. */
  small?: boolean;
}

/** There is nothing here, and what one can do about it. */
export function Nothing({ icon, title, children, small = false }: NothingProps) {
  return (
    <div className={cn('grid justify-items-center gap-2 px-6 text-center', small ? 'py-8' : 'py-14')}>
      {icon && (
        <div
          aria-hidden
          className="mb-1 grid size-11 place-items-center rounded-full bg-muted text-muted-foreground [&_svg]:size-5"
        >
          {icon}
        </div>
      )}
      <p className="font-semibold text-[15px]">{title}</p>
      {children && (
        <div className="grid max-w-md justify-items-center gap-4 text-muted-foreground [overflow-wrap:anywhere]">
          {children}
        </div>
      )}
    </div>
  );
}

/** Something that one may not see or do, and why. */
export function Denied({ children }: { children: ReactNode }) {
  return (
    <Nothing icon={<Lock />} title="Not for you">
      <p>{children}</p>
    </Nothing>
  );
}

/** Something could not be had: why, and a way to try again. One who may not is told so. */
export function Failed({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const problem = told(error);
  if (problem.status === 403) {
    return <Denied>{problem.detail}</Denied>;
  }
  return (
    <div role="alert">
      <Nothing icon={problem.status === 0 ? <WifiOff /> : <CircleAlert />} title={title(problem.status)}>
        <p>
          {problem.detail}
          {problem.requestId && <span className="mt-1 block font-mono text-[12px]">{problem.requestId}</span>}
        </p>
        {onRetry && <Button onClick={onRetry}>Try again</Button>}
      </Nothing>
    </div>
  );
}

function title(status: number): string {
  if (status === 404) return 'Not here';
  return status === 0 ? 'No answer' : 'Something went wrong';
}

/** Stands where something will be. */
export function Skeleton({ className }: { className?: string }) {
  return <div aria-hidden className={cn('animate-pulse rounded-md bg-muted', className)} />;
}

/** Lines that stand where a list will be; told to those who don't see them. */
export function Loading({ lines = 4, label = 'Loading' }: { lines?: number; label?: string }) {
  return (
    <div role="status" className="grid gap-3 py-2">
      <span className="sr-only">{label}</span>
      {[...Array(lines).keys()].map((line) => (
        <Skeleton key={line} className="h-9" />
      ))}
    </div>
  );
}
