import { type FormEvent, type ReactNode, useState } from 'react';
import { told } from '../api/problem';
import { useOnce } from '../app/once';
import { Button } from './button';
import { Field, Input } from './field';

export interface TextField {
  name: string;
  label: string;
  type?: 'text' | 'email' | 'password';
  autoComplete?: string;
  hint?: string;
  value?: string;
  optional?: true;
}

interface TextFormProps<Name extends string> {
  fields: readonly (TextField & { name: Name })[];
  action: string;
  danger?: boolean;
  /** Gets what was typed, by name. What it throws is shown, and another try begins. */
  onSend: (typed: Record<Name, string>) => Promise<unknown>;
  /** Stands before the button. */
  children?: ReactNode;
}

/** A form of single lines, sent once at a time; what is wrong with it stands in it, in the server's words. */
export function TextForm<Name extends string>({ fields, action, danger, onSend, children }: TextFormProps<Name>) {
  const [refused, setRefused] = useState('');
  const [send, sending] = useOnce(async (typed: FormData) => {
    const values = Object.fromEntries(fields.map(({ name }) => [name, String(typed.get(name) ?? '')]));
    setRefused('');
    await onSend(values as Record<Name, string>).catch((error: unknown) => setRefused(told(error).detail));
  });
  const onSubmit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    send(new FormData(event.currentTarget));
  };
  return (
    <form onSubmit={onSubmit} className="grid grid-cols-1 gap-4">
      {fields.map(({ name, label, type = 'text', autoComplete = 'off', hint, value, optional }) => (
        <Field key={name} label={label} hint={hint}>
          {(field) => (
            <Input
              {...field}
              name={name}
              type={type}
              autoComplete={autoComplete}
              defaultValue={value ?? ''}
              required={!optional}
              maxLength={1_000}
            />
          )}
        </Field>
      ))}
      {children}
      {refused && <Refused text={refused} />}
      <Button
        type="submit"
        variant={danger ? 'destructive' : 'primary'}
        className="justify-self-end"
        aria-disabled={sending}
      >
        {action}
      </Button>
    </form>
  );
}

/** Something went wrong, and is said where it did. */
export function Refused({ text }: { text: string }) {
  return (
    <p role="alert" className="rounded-lg bg-destructive-soft px-3 py-2 text-destructive">
      {text}
    </p>
  );
}
