import { cn } from './cn';
import { CopyButton } from './copy';

// Who has a keyboard alone has to be able to scroll it.
const SCROLLS_BY_KEY = { tabIndex: 0 };

/** Text for machines: shown as it is, scrolled where it is long, and copied by a button. */
export function CodeBlock({ label, text, className }: { label: string; text: string; className?: string }) {
  return (
    <div className="relative min-w-0">
      <section aria-label={label} className="max-h-96 overflow-auto rounded-lg border bg-sunken" {...SCROLLS_BY_KEY}>
        <pre className={cn('whitespace-pre-wrap p-3 pr-12 font-mono text-[13px] [overflow-wrap:anywhere]', className)}>
          {text}
        </pre>
      </section>
      <div className="absolute top-1.5 right-1.5 rounded-lg bg-sunken">
        <CopyButton bare text={text} label={`Copy: ${label}`} />
      </div>
    </div>
  );
}
