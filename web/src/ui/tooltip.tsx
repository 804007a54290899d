import { Tooltip as Radix } from 'radix-ui';
import type { ReactNode } from 'react';

const DELAY_MS = 400;

interface TooltipProps {
  text: ReactNode;
  side?: 'top' | 'right' | 'bottom';
  children: ReactNode;
}

/** Says more of what the pointer, or the focus, is at. Never the only place where something is said. */
export default function Tooltip({ text, side = 'top', children }: TooltipProps) {
  return (
    <Radix.Provider delayDuration={DELAY_MS}>
      <Radix.Root>
        <Radix.Trigger asChild>{children}</Radix.Trigger>
        <Radix.Portal>
          <Radix.Content
            side={side}
            sideOffset={6}
            collisionPadding={8}
            className="z-50 max-w-72 animate-in rounded-md border bg-card px-2.5 py-1.5 text-[13px] text-foreground shadow-lg"
          >
            <span className="line-clamp-6 [overflow-wrap:anywhere]">{text}</span>
          </Radix.Content>
        </Radix.Portal>
      </Radix.Root>
    </Radix.Provider>
  );
}
