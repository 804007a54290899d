import { type ComponentProps, type ReactNode, useId } from 'react';
import { cn } from './cn';

const BOX =
  'rounded-lg border border-input bg-background px-3 text-foreground placeholder:text-muted-foreground disabled:opacity-60 aria-invalid:border-destructive';

export function Input({ className, ...props }: ComponentProps<'input'>) {
  return <input className={cn(BOX, 'h-9 w-full', className)} {...props} />;
}

export function Textarea({ className, ...props }: ComponentProps<'textarea'>) {
  return <textarea className={cn(BOX, 'min-h-20 w-full py-2', className)} {...props} />;
}

/** As wide as what can be chosen, or as there is room. */
export function Select({ className, wide = false, ...props }: ComponentProps<'select'> & { wide?: boolean }) {
  return <select className={cn(BOX, 'h-9 max-w-full pr-8', wide ? 'w-full' : 'w-auto', className)} {...props} />;
}

type CheckboxProps = Omit<ComponentProps<'input'>, 'type'> & { large?: boolean };

export function Checkbox({ className, large = false, ...props }: CheckboxProps) {
  const size = large ? 'size-5' : 'size-4';
  return <input type="checkbox" className={cn('shrink-0 accent-primary', size, className)} {...props} />;
}

interface FieldProps {
  label: ReactNode;
  hint?: ReactNode;
  problem?: string | undefined;
  children: (props: { id: string; 'aria-describedby'?: string; 'aria-invalid'?: true }) => ReactNode;
}

/** A label, what is typed, a hint, and what is wrong with it. */
export function Field({ label, hint, problem, children }: FieldProps) {
  const id = useId();
  const about = hint || problem ? `${id}-about` : undefined;
  return (
    <div className="grid min-w-0 grid-cols-1 gap-1.5">
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      {children({ id, ...(about ? { 'aria-describedby': about } : {}), ...(problem ? { 'aria-invalid': true } : {}) })}
      {about && (
        <p
          id={about}
          role={problem ? 'alert' : undefined}
          className={cn('text-[13px]', problem ? 'text-destructive' : 'text-muted-foreground')}
        >
          {problem ?? hint}
        </p>
      )}
    </div>
  );
}

interface ChoiceProps<T extends string> {
  label: ReactNode;
  value: T;
  /** What can be chosen, with what people call it. */
  options: Readonly<Record<T, string>>;
  onChange: (value: T) => void;
  problem?: string | undefined;
}

/** One of several. */
export function Choice<T extends string>({ label, value, options, onChange, problem }: ChoiceProps<T>) {
  return (
    <Field label={label} problem={problem}>
      {(field) => (
        <Select {...field} wide value={value} onChange={(event) => onChange(event.target.value as T)}>
          {Object.entries<string>(options).map(([name, text]) => (
            <option key={name} value={name}>
              {text}
            </option>
          ))}
        </Select>
      )}
    </Field>
  );
}

interface CheckFieldProps {
  label: ReactNode;
  checked: boolean;
  onChange: (checked: boolean) => void;
}

/** Something that one chooses or leaves. */
export function CheckField({ label, checked, onChange }: CheckFieldProps) {
  const id = useId();
  return (
    <div className="flex min-w-0 items-center gap-2">
      <Checkbox id={id} checked={checked} onChange={(event) => onChange(event.target.checked)} />
      <label htmlFor={id} className="truncate">
        {label}
      </label>
    </div>
  );
}
