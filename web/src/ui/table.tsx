import type { ComponentProps, ReactNode } from 'react';
import { cn } from './cn';

// Who has a keyboard alone has to be able to scroll it.
const SCROLLS_BY_KEY = { tabIndex: 0 };

/** A table that scrolls sideways by itself where it is too wide. An empty head is that of what can be done. */
export function Table({ label, head, children }: { label: string; head: readonly string[]; children: ReactNode }) {
  return (
    <section aria-label={label} className="relative overflow-x-auto" {...SCROLLS_BY_KEY}>
      <table className="w-full border-collapse text-left">
        <thead>
          <tr className="border-b text-[13px] text-muted-foreground">
            {head.map((name) => (
              <th key={name} scope="col" className="whitespace-nowrap px-5 py-2 font-medium">
                {name || <span className="sr-only">Actions</span>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="[&>tr:last-child]:border-0 [&>tr]:border-b">{children}</tbody>
      </table>
    </section>
  );
}

export function Cell({ className, ...props }: ComponentProps<'td'>) {
  return <td className={cn('px-5 py-2.5 align-middle', className)} {...props} />;
}
