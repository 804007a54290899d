import type { ComponentProps, ReactNode } from 'react';
import { cn } from './cn';

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
