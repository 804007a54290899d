import type { ReactNode } from 'react';
import { useEffect } from 'react';

interface PageProps {
  title: string;
  /** Stands in the place of the title where more is to be shown than text. */
  heading?: ReactNode;
  hint?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}

/** A page: its title, what can be done, what it shows. */
export function Page({ title, heading, hint, actions, children }: PageProps) {
  useEffect(() => {
    document.title = `${title} · VidCompute`;
  }, [title]);
  return (
    <div className="mx-auto grid w-full max-w-6xl grid-cols-1 content-start gap-5 px-4 py-5 md:px-8 md:py-7">
      <header className="flex flex-wrap items-start justify-between gap-x-6 gap-y-3">
        <div className="min-w-0">
          {heading ?? <h1 className="font-semibold text-xl tracking-tight">{title}</h1>}
          {hint && <p className="text-muted-foreground">{hint}</p>}
        </div>
        {actions && <div className="flex flex-wrap gap-2">{actions}</div>}
      </header>
      {children}
    </div>
  );
}
