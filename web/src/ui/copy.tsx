import { Check, Copy } from 'lucide-react';
import { useState } from 'react';
import { say } from '../app/messages';
import { Button } from './button';
import { Input } from './field';

const DONE_MS = 1_500;

/** Copies a text, and says that it did. */
export function CopyButton({ text, label = 'Copy', bare = false }: { text: string; label?: string; bare?: boolean }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setDone(true);
      window.setTimeout(() => setDone(false), DONE_MS);
    } catch {
      say('This browser does not let us copy. Select the text instead.', undefined, 'error');
    }
  };
  const icon = done ? <Check aria-hidden /> : <Copy aria-hidden />;
  return (
    <>
      <Button
        variant={bare ? 'ghost' : 'outline'}
        size={bare ? 'icon-sm' : 'md'}
        onClick={() => void copy()}
        {...(bare ? { 'aria-label': label, title: label } : {})}
      >
        {icon}
        {!bare && (done ? 'Copied' : label)}
      </Button>
      <span role="status" className="sr-only">
        {done ? 'Copied' : ''}
      </span>
    </>
  );
}

/** A text to be taken away: shown, selected at a click, and copied by a button. */
export function CopyField({ label, value }: { label: string; value: string }) {
  return (
    <div className="grid gap-1.5">
      <span className="font-medium">{label}</span>
      <div className="flex gap-2">
        <Input
          readOnly
          value={value}
          aria-label={label}
          className="font-mono text-[13px]"
          onFocus={(event) => event.currentTarget.select()}
        />
        <CopyButton text={value} />
      </div>
    </div>
  );
}
