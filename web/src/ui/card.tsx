import type { ComponentProps, ReactNode } from 'react';
import { instead } from '../api/problem';
import { cn } from './cn';
import { Failed, Loading } from './states';

export function Card({ className, ...props }: ComponentProps<'section'>) {
  return <section className={cn('rounded-xl border bg-card', className)} {...props} />;
}

interface CardHeadProps {
  title: ReactNode;
  hint?: ReactNode;
  children?: ReactNode;
}

/** A card's title, what it is about, and what can be done at its right end. */
export function CardHead({ title, hint, children }: CardHeadProps) {
  return (
    <header className="flex flex-wrap items-center justify-between gap-3 px-5 pt-4 pb-3">
      <div className="min-w-0 [overflow-wrap:anywhere]">
        <h2 className="font-semibold text-[15px]">{title}</h2>
        {hint && <p className="text-[13px] text-muted-foreground">{hint}</p>}
      </div>
      {children}
    </header>
  );
}

export function CardBody({ className, ...props }: ComponentProps<'div'>) {
  return <div className={cn('px-5 pb-5', className)} {...props} />;
}

interface CardItemsProps<T> {
  /** What was asked for. */
  query: { error: unknown; refetch?: () => unknown };
  /** What came; undefined until then. */
  items: readonly T[] | undefined;
  /** How many lines stand for it until it is there. */
  lines?: number;
  /** Stands where there is none: a sentence, or more than that. */
  empty: ReactNode;
  children: (items: readonly T[]) => ReactNode;
}

/** What a card lists: until it is there, where it can't be had, where there is none, and when it came. */
export function CardItems<T>({ query, items, lines = 4, empty, children }: CardItemsProps<T>) {
  const { refetch } = query;
  const error = instead({ error: query.error, data: items });
  if (error) return <Failed error={error} {...(refetch ? { onRetry: () => void refetch() } : {})} />;
  if (!items) {
    return (
      <CardBody>
        <Loading lines={lines} />
      </CardBody>
    );
  }
  if (items.length > 0) return children(items);
  return typeof empty === 'string' ? <CardBody className="text-muted-foreground">{empty}</CardBody> : empty;
}
