import { X } from 'lucide-react';
import { AlertDialog as Alert, Dialog as Radix } from 'radix-ui';
import type { ReactNode } from 'react';
import { Button } from './button';
import { cn } from './cn';
import { useFocusReturn } from './focus-return';

const SHADE = 'fixed inset-0 z-40 bg-black/55';
const BOX =
  'fixed top-1/2 left-1/2 z-50 grid max-h-[calc(100dvh-2rem)] w-[calc(100vw-2rem)] -translate-x-1/2 -translate-y-1/2 grid-cols-1 gap-4 overflow-y-auto rounded-xl border bg-card p-5 shadow-2xl [overflow-wrap:anywhere]';

interface DialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: ReactNode;
  description?: ReactNode;
  /** How wide it is at most. */
  width?: `max-w-${string}`;
  /** What it shows is shown once: it does not go by a click beside it. */
  once?: boolean;
  children: ReactNode;
}

export function Dialog(props: DialogProps) {
  const { open, onOpenChange, title, description, width = 'max-w-lg', once = false, children } = props;
  useFocusReturn(open);
  return (
    <Radix.Root open={open} onOpenChange={onOpenChange}>
      <Radix.Portal>
        <Radix.Overlay className={SHADE} />
        <Radix.Content
          className={cn(BOX, width)}
          onOpenAutoFocus={beginWhereOneTypes}
          onInteractOutside={(event) => once && event.preventDefault()}
          {...(description ? {} : { 'aria-describedby': undefined })}
        >
          <div className="flex items-start justify-between gap-4">
            <div className="min-w-0">
              <Radix.Title className="font-semibold text-base">{title}</Radix.Title>
              {description && <Radix.Description className="text-muted-foreground">{description}</Radix.Description>}
            </div>
            <Radix.Close asChild>
              <Button variant="ghost" size="icon-sm" aria-label="Close" className="-mt-1 -mr-1">
                <X />
              </Button>
            </Radix.Close>
          </div>
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

/** A box that is ticked is not typed into: the first key would change it. */
function beginWhereOneTypes(event: Event): void {
  const box = event.currentTarget instanceof HTMLElement ? event.currentTarget : null;
  const first = box?.querySelector<HTMLElement>('input:not([type="checkbox"]), select, textarea');
  if (!first) return;
  event.preventDefault();
  first.focus();
}

interface ConfirmProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: ReactNode;
  children: ReactNode;
  action: string;
  onConfirm: () => void;
}

/** Asks before something that can't be undone. */
export function Confirm({ open, onOpenChange, title, children, action, onConfirm }: ConfirmProps) {
  useFocusReturn(open);
  return (
    <Alert.Root open={open} onOpenChange={onOpenChange}>
      <Alert.Portal>
        <Alert.Overlay className={SHADE} />
        <Alert.Content className={cn(BOX, 'max-w-md')}>
          <Alert.Title className="font-semibold text-base">{title}</Alert.Title>
          <Alert.Description asChild>
            <div className="text-muted-foreground">{children}</div>
          </Alert.Description>
          <div className="flex justify-end gap-2">
            <Alert.Cancel asChild>
              <Button>Cancel</Button>
            </Alert.Cancel>
            <Alert.Action asChild>
              <Button variant="destructive" onClick={onConfirm}>
                {action}
              </Button>
            </Alert.Action>
          </div>
        </Alert.Content>
      </Alert.Portal>
    </Alert.Root>
  );
}

interface DrawerProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  children: ReactNode;
}

/** A panel that comes in from the bottom, for phones. */
export function Drawer({ open, onOpenChange, title, children }: DrawerProps) {
  useFocusReturn(open);
  return (
    <Radix.Root open={open} onOpenChange={onOpenChange}>
      <Radix.Portal>
        <Radix.Overlay className={SHADE} />
        <Radix.Content
          aria-describedby={undefined}
          className="fixed inset-x-0 bottom-0 z-50 grid gap-2 rounded-t-xl border-t bg-card p-4 pb-[calc(1rem+env(safe-area-inset-bottom))]"
        >
          <Radix.Title className="sr-only">{title}</Radix.Title>
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
