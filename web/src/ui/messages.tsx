import { X } from 'lucide-react';
import { type FocusEvent, useRef } from 'react';
import { dismiss, useMessages } from '../app/messages';
import { Button } from './button';
import { cn } from './cn';

/** What is said in passing. The region is always there, so that screen readers hear what comes into it. */
export function Messages() {
  const messages = useMessages();
  const before = useRef<HTMLElement>(null);
  const onFocus = ({ relatedTarget, currentTarget }: FocusEvent) => {
    if (relatedTarget instanceof HTMLElement && !currentTarget.contains(relatedTarget)) before.current = relatedTarget;
  };
  const onBlur = ({ relatedTarget, currentTarget }: FocusEvent) => {
    if (!currentTarget.contains(relatedTarget)) before.current = null;
  };
  // With its button a message takes the focus away: that goes back to where it came from.
  const end = (id: number) => {
    const back = before.current;
    dismiss(id);
    if (back?.isConnected) back.focus();
  };
  return (
    <section
      aria-label="Messages"
      aria-live="polite"
      data-messages
      onFocus={onFocus}
      onBlur={onBlur}
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
                end(id);
                action.run();
              }}
            >
              {action.label}
            </Button>
          )}
          <Button variant="ghost" size="icon-sm" aria-label="Dismiss" onClick={() => end(id)}>
            <X />
          </Button>
        </div>
      ))}
    </section>
  );
}
