import { Check } from 'lucide-react';
import { DropdownMenu as Radix } from 'radix-ui';
import { type ComponentProps, type FocusEvent, type ReactNode, useRef } from 'react';
import { cn } from './cn';
import type { Opened } from './menu-button';

const ITEM =
  'flex cursor-pointer select-none items-center gap-2.5 rounded-md px-2.5 py-1.5 no-underline outline-none data-[disabled]:cursor-default data-[highlighted]:bg-muted data-[disabled]:opacity-50 [&_svg]:size-4 [&_svg]:text-muted-foreground';

interface MenuProps {
  trigger: ReactNode;
  children: ReactNode;
  align?: 'start' | 'center' | 'end';
  side?: 'top' | 'bottom';
  /** It is open from the beginning, and by what. */
  opened?: Opened['opened'];
}

export function Menu({ trigger, children, align = 'end', side = 'bottom', opened }: MenuProps) {
  const onFocus = useFirstItem(opened === 'by keys');
  return (
    <Radix.Root modal={false} defaultOpen={opened !== undefined}>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          align={align}
          side={side}
          sideOffset={6}
          collisionPadding={8}
          onFocus={onFocus}
          className="z-50 max-h-[70dvh] min-w-48 max-w-80 animate-in overflow-y-auto rounded-lg border bg-card p-1 shadow-xl"
        >
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

/** A menu that keys opened begins at its first item; one that was there before the key knows that by itself. */
function useFirstItem(wanted: boolean): (event: FocusEvent<HTMLElement>) => void {
  const begun = useRef(!wanted);
  return ({ target, currentTarget }) => {
    if (begun.current || target !== currentTarget) return;
    begun.current = true;
    currentTarget.querySelector<HTMLElement>('[role^="menuitem"]:not([data-disabled])')?.focus();
  };
}

type ItemProps = Omit<ComponentProps<typeof Radix.Item>, 'className'> & { danger?: boolean };

export function MenuItem({ danger = false, ...props }: ItemProps) {
  return <Radix.Item className={cn(ITEM, danger ? 'text-destructive' : 'text-foreground')} {...props} />;
}

interface ChoiceProps {
  value: string;
  onChange: (value: string) => void;
  label: string;
  options: readonly { value: string; label: ReactNode }[];
}

/** One of several, in a menu. */
export function MenuChoice({ value, onChange, label, options }: ChoiceProps) {
  return (
    <Radix.RadioGroup value={value} onValueChange={onChange} aria-label={label}>
      {options.map((option) => (
        <Radix.RadioItem key={option.value} value={option.value} className={cn(ITEM, 'text-foreground')}>
          <span className="grid size-4 place-items-center">
            <Radix.ItemIndicator>
              <Check />
            </Radix.ItemIndicator>
          </span>
          {option.label}
        </Radix.RadioItem>
      ))}
    </Radix.RadioGroup>
  );
}

export function MenuLine() {
  return <Radix.Separator className="mx-1 my-1 h-px bg-border" />;
}

export function MenuLabel({ children }: { children: ReactNode }) {
  return <Radix.Label className="px-2.5 py-1.5 text-[13px] text-muted-foreground">{children}</Radix.Label>;
}
