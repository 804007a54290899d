import { useQueryClient } from '@tanstack/react-query';
import { useRouter } from '@tanstack/react-router';
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { api } from '../../api/client';
import { Button } from '../../ui/button';
import { Card } from '../../ui/card';
import { Field, Input } from '../../ui/field';
import { Loading } from '../../ui/states';
import { takeKey } from './secret';
import { enterByKey, logIn, type Outcome, sendCode } from './ways';

/** The way in: by a link with a key, by e-mail address and password, or by a key that one pastes. */
export function Enter({ next }: { next: string }) {
  const [key, setKey] = useState(() => takeKey(window.location, window.history));
  const [step, setStep] = useState<'link' | 'password' | 'key' | 'code'>(key ? 'link' : 'password');
  const [ticket, setTicket] = useState('');
  const [refused, setRefused] = useState('');
  const go = useGo(next);
  const take = async (outcome: Outcome) => {
    setRefused(outcome.kind === 'refused' ? outcome.detail : '');
    if (outcome.kind === 'in') await go();
    if (outcome.kind === 'code') {
      setTicket(outcome.ticket);
      setStep('code');
    }
    if (outcome.kind === 'refused' && step === 'link') setStep('key');
  };
  const begun = useRef('');
  useEffect(() => {
    if (!key || begun.current === key) return;
    begun.current = key; // a link is good once, and React runs effects twice while developing
    void enterByKey(key, true).then(take);
  });
  useEffect(() => {
    // Who opens a link while this page is shown changes what is behind the `#`, and nothing is loaded anew.
    const look = () => {
      const found = takeKey(window.location, window.history);
      if (!found) return;
      setKey(found);
      setStep('link');
    };
    window.addEventListener('hashchange', look);
    return () => window.removeEventListener('hashchange', look);
  }, []);
  useEffect(() => {
    document.title = 'Log in · VidCompute';
  }, []);
  return (
    <main className="grid h-dvh place-items-center overflow-y-auto p-4">
      <Card className="grid w-full max-w-sm gap-5 p-6">
        <h1 className="font-semibold text-lg">VidCompute</h1>
        {refused && (
          <p role="alert" className="rounded-lg bg-destructive-soft px-3 py-2 text-destructive">
            {refused}
          </p>
        )}
        {step === 'link' && <Loading lines={2} label="Opening the dashboard" />}
        {step === 'password' && <PasswordForm onOutcome={take} />}
        {step === 'code' && <CodeForm ticket={ticket} onOutcome={take} />}
        {step === 'key' && <KeyForm onOutcome={take} />}
        {step === 'password' && <Others onKey={() => setStep('key')} />}
        {step === 'key' && (
          <Button variant="link" size="none" className="justify-self-start" onClick={() => setStep('password')}>
            Log in by e-mail address
          </Button>
        )}
      </Card>
    </main>
  );
}

function useGo(next: string): () => Promise<void> {
  const queries = useQueryClient();
  const router = useRouter();
  return async () => {
    queries.clear();
    const to = next.startsWith('/') && !next.startsWith('//') ? next : '/';
    router.history.push(to.startsWith('/dashboard') ? to : `/dashboard${to}`);
    await router.invalidate();
  };
}

interface FormProps {
  onOutcome: (outcome: Outcome) => Promise<void>;
}

/** Sends a form once at a time. `work` gets what was typed, by name. */
function useSending({ onOutcome }: FormProps, work: (typed: (name: string) => string) => Promise<Outcome>) {
  const [sending, setSending] = useState(false);
  const onSubmit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const typed = new FormData(event.currentTarget);
    setSending(true);
    try {
      await onOutcome(await work((name) => String(typed.get(name) ?? '')));
    } catch {
      await onOutcome({ kind: 'refused', detail: 'The server can’t be reached. Try again.' });
    } finally {
      setSending(false);
    }
  };
  return { sending, onSubmit: (event: FormEvent<HTMLFormElement>) => void onSubmit(event) };
}

function PasswordForm(props: FormProps) {
  const { sending, onSubmit } = useSending(props, (typed) => logIn(typed('email'), typed('password')));
  return (
    <form onSubmit={onSubmit} className="grid grid-cols-1 gap-4">
      <Field label="E-mail address">
        {(field) => <Input {...field} name="email" type="email" autoComplete="username" required />}
      </Field>
      <Field label="Password">
        {(field) => <Input {...field} name="password" type="password" autoComplete="current-password" required />}
      </Field>
      <Button type="submit" variant="primary" disabled={sending}>
        Log in
      </Button>
    </form>
  );
}

function CodeForm({ ticket, ...props }: FormProps & { ticket: string }) {
  const { sending, onSubmit } = useSending(props, (typed) => sendCode(ticket, typed('code')));
  return (
    <form onSubmit={onSubmit} className="grid grid-cols-1 gap-4">
      <Field label="Code" hint="Of your app, or one of your recovery codes.">
        {(field) => <Input {...field} name="code" autoComplete="one-time-code" inputMode="text" required />}
      </Field>
      <Button type="submit" variant="primary" disabled={sending}>
        Go on
      </Button>
    </form>
  );
}

function KeyForm(props: FormProps) {
  const { sending, onSubmit } = useSending(props, (typed) => enterByKey(typed('key').trim(), false));
  const hint = 'On the server’s machine, `vidctl dashboard` prints a link that needs none.';
  return (
    <form onSubmit={onSubmit} className="grid grid-cols-1 gap-4">
      <Field label="API key" hint={hint}>
        {(field) => <Input {...field} name="key" type="password" autoComplete="off" required />}
      </Field>
      <Button type="submit" variant="primary" disabled={sending}>
        Open the dashboard
      </Button>
    </form>
  );
}

function Others({ onKey }: { onKey: () => void }) {
  const { data: ways } = api.useQuery('get', '/api/v1/ways-in');
  return (
    <div className="grid justify-items-start gap-2 border-t pt-4">
      {ways?.provider && (
        <Button variant="link" size="none" asChild>
          <a href="/oauth/login">Log in with {ways.provider}</a>
        </Button>
      )}
      {ways?.passkeys && (
        <Button variant="link" size="none" asChild>
          <a href="/account/login">Use a passkey</a>
        </Button>
      )}
      <Button variant="link" size="none" onClick={onKey}>
        Use an API key
      </Button>
    </div>
  );
}
