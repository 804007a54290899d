import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { api } from '../../api/client';
import { told } from '../../api/problem';
import { findCaller } from '../../app/session';
import { Button } from '../../ui/button';
import { Loading } from '../../ui/states';
import { Refused, TextForm } from '../../ui/text-form';
import { Entrance, Way, Ways } from './entrance';
import { LogIn } from './log-in';
import { isKey, useSecret } from './secret';
import { enterByKey, keepNext, takeNext, useGo } from './ways';

// What may go wrong at a provider, by the code that one comes back with.
const PROBLEMS: Record<string, string> = {
  account_wanted: 'Nobody here has your address: ask for an invitation first.',
  domain_refused: 'Addresses of your domain do not log in here.',
  email_not_proved: 'The provider does not say that your e-mail address is yours; confirm it there first.',
  login_not_begun: 'This log-in was not begun in this browser, was ended already, or took too long; begin anew.',
  provider_refused: 'The provider did not log you in.',
  provider_unavailable: 'The provider does not answer now; try again later.',
  too_many_attempts: 'Too many tries; wait some minutes.',
};

/** The way in: by a link with a key, by e-mail address and password, by a passkey, or by a key that one pastes. */
export function Enter({ next, problem = '' }: { next?: string; problem?: string }) {
  const secret = useSecret();
  const key = isKey(secret) ? secret : '';
  const [byKey, setByKey] = useState(false);
  const [refused, setRefused] = useState(problem && (PROBLEMS[problem] ?? 'This did not work; try again.'));
  const go = useGo();
  useEffect(() => {
    if (problem) window.history.replaceState(window.history.state, '', window.location.pathname); // told once
  }, [problem]);
  const goOn = () => go(next ?? (takeNext() || '/'));
  const refuse = (text: string) => {
    setRefused(text);
    setByKey(text !== '');
  };
  const isOpening = useLink(key, goOn, refuse);
  useComeBack(next === undefined && secret === '' && !problem, goOn);
  return (
    <Entrance title="Log in">
      {refused && <Refused text={refused} />}
      {isOpening ? (
        <Loading lines={2} label="Opening the dashboard" />
      ) : byKey ? (
        <KeyForm onIn={goOn} onBack={() => refuse('')} />
      ) : (
        <>
          <LogIn key={secret} ticket={key ? '' : secret} onIn={goOn} />
          <Others next={next ?? '/'} onKey={() => setByKey(true)} />
        </>
      )}
    </Entrance>
  );
}

/** Opens the dashboard by the key of a link, once for each; whether it is being tried. */
function useLink(key: string, goOn: () => Promise<void>, onRefusal: (text: string) => void): boolean {
  const [refused, setRefused] = useState('');
  const begun = useRef('');
  useEffect(() => {
    if (!key || begun.current === key) return;
    begun.current = key; // a link is good once, and React runs effects twice while developing
    onRefusal('');
    enterByKey(key, true).then(goOn, (error: unknown) => {
      setRefused(key);
      onRefusal(told(error).detail);
    });
  });
  return key !== '' && key !== refused;
}

/** Who is logged in already goes on: so does one who comes back from a provider. */
function useComeBack(isAsked: boolean, goOn: () => Promise<void>): void {
  const queries = useQueryClient();
  const asked = useRef(false);
  useEffect(() => {
    if (!isAsked || asked.current) return;
    asked.current = true;
    findCaller(queries).then(
      (caller) => (caller ? goOn() : undefined),
      () => undefined, // then one logs in anew
    );
  });
}

function KeyForm({ onIn, onBack }: { onIn: () => Promise<void>; onBack: () => void }) {
  const field = {
    name: 'key',
    label: 'API key',
    type: 'password',
    hint: 'On the server’s machine, `vidctl dashboard` prints a link that needs none.',
  } as const;
  const send = async ({ key }: { key: string }) => {
    await enterByKey(key.trim(), false);
    await onIn();
  };
  return (
    <>
      <TextForm fields={[field]} action="Open the dashboard" onSend={send} />
      <Button variant="link" size="none" className="justify-self-start" onClick={onBack}>
        Log in by e-mail address
      </Button>
    </>
  );
}

function Others({ next, onKey }: { next: string; onKey: () => void }) {
  const { data: ways } = api.useQuery('get', '/api/v1/ways-in');
  return (
    <Ways>
      {ways?.provider && (
        <Button variant="link" size="none" asChild>
          <a href="/oauth/login" onClick={() => keepNext(next)}>
            Log in with {ways.provider}
          </a>
        </Button>
      )}
      {ways?.registration === 'open' && <Way to="/register">Register</Way>}
      <Way to="/forgot">Forgot your password?</Way>
      <Button variant="link" size="none" onClick={onKey}>
        Use an API key
      </Button>
    </Ways>
  );
}
