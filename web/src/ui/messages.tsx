import { X } from 'lucide-react';
import { dismiss, useMessages } from '../app/messages';
import { Button } from './button';
import { cn } from './cn';

/** What is said in passing. The region is always there, so that screen readers hear what comes into it. */
export function Messages() {
  const messages = useMessages();
  return (
    <section
      aria-label="Messages"
      aria-live="polite"
      className="pointer-events-none fixed inset-x-4 bottom-[calc(4.5rem+env(safe-area-inset-bottom))] z-50 ml-auto grid max-w-sm gap-2 md:bottom-4"
    >
      {messages.map(({ id, kind, text, action }) => (
        <div
          key={id}
          className={cn(
            'pointer-events-auto flex animate-in items-center gap-2 rounded-lg border bg-card py-2 pr-2 pl-4 shadow-xl',
            kind === 'error' && 'border-destructive',
          )}
        >
          <p className="line-clamp-6 min-w-0 flex-1 [overflow-wrap:anywhere]" dir="auto">
            {text}
          </p>
          {action && (
            <Button
              size="sm"
              onClick={() => {
                dismiss(id);
                action.run();
              }}
            >
              {action.label}
            </Button>
          )}
          <Button variant="ghost" size="icon-sm" aria-label="Dismiss" onClick={() => dismiss(id)}>
            <X />
          </Button>
        </div>
      ))}
    </section>
  );
}
