import { Link, type LinkProps } from '@tanstack/react-router';
import { type ReactNode, useEffect } from 'react';
import { Mark } from '../../app/mark';
import { Button } from '../../ui/button';
import { Card } from '../../ui/card';

interface EntranceProps {
  title: string;
  hint?: ReactNode;
  children: ReactNode;
}

/** A page outside the dashboard: one card with what is to be said or typed. */
export function Entrance({ title, hint, children }: EntranceProps) {
  useEffect(() => {
    document.title = `${title} · VidCompute`;
  }, [title]);
  return (
    <main className="grid h-dvh place-items-center overflow-y-auto p-4">
      <Card className="grid w-full max-w-sm gap-5 p-6 [overflow-wrap:anywhere] [&_form>button]:justify-self-stretch">
        <header className="grid gap-3">
          <p className="flex items-center gap-2 font-semibold text-muted-foreground">
            <Mark /> VidCompute
          </p>
          <h1 className="font-semibold text-xl tracking-tight">{title}</h1>
          {hint && <p className="text-muted-foreground">{hint}</p>}
        </header>
        {children}
      </Card>
    </main>
  );
}

/** Other ways, below a line. */
export function Ways({ children }: { children: ReactNode }) {
  return (
    <nav aria-label="Other ways" className="grid justify-items-start gap-2 border-t pt-4">
      {children}
    </nav>
  );
}

export function Way({ to, children }: { to: NonNullable<LinkProps['to']>; children: ReactNode }) {
  return (
    <Button variant="link" size="none" asChild>
      <Link to={to}>{children}</Link>
    </Button>
  );
}

/** Something is done, and what is next. */
export function Done({ children }: { children: ReactNode }) {
  return (
    <p role="status" className="rounded-lg bg-ok-soft px-3 py-2 text-ok">
      {children}
    </p>
  );
}
