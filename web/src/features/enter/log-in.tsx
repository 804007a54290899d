import { KeyRound } from 'lucide-react';
import { useState } from 'react';
import { api } from '../../api/client';
import { told } from '../../api/problem';
import { Button } from '../../ui/button';
import { Refused, TextForm } from '../../ui/text-form';
import { Way } from './entrance';
import { CODE, EMAIL, PASSWORD } from './fields';
import { knowsPasskeys, logInByPasskey } from './passkeys';
import { logIn, sendCode } from './ways';

interface LogInProps {
  /** Where it is known whom it is about: nobody else is asked for. */
  email?: string;
  /** Of a log-in that waits for its code. */
  ticket?: string;
  action?: string;
  onIn: () => Promise<unknown>;
}

/** Who one is: by password, and a code where that is asked for; or by a passkey. */
export function LogIn({ email, ticket: begun = '', action = 'Log in', onIn }: LogInProps) {
  const [ticket, setTicket] = useState(begun);
  const [unverified, setUnverified] = useState(false);
  if (ticket) {
    const send = async ({ code }: { code: string }) => {
      await sendCode(ticket, code.trim());
      await onIn();
    };
    return <TextForm key="code" fields={[CODE]} action="Go on" onSend={send} />;
  }
  const send = async (typed: { email?: string; password: string }) => {
    try {
      const wanted = await logIn(email ?? typed.email ?? '', typed.password);
      if (wanted) setTicket(wanted);
      else await onIn();
    } catch (error) {
      setUnverified(told(error).code === 'email_unverified');
      throw error;
    }
  };
  return (
    <div className="grid gap-4">
      <TextForm key="password" fields={email ? [PASSWORD] : [EMAIL, PASSWORD]} action={action} onSend={send} />
      {unverified && <Way to="/verify">Send the link again</Way>}
      <PasskeyButton onIn={onIn} />
    </div>
  );
}

function PasskeyButton({ onIn }: { onIn: () => Promise<unknown> }) {
  const { data: ways } = api.useQuery('get', '/api/v1/ways-in');
  const [refused, setRefused] = useState('');
  if (!ways?.passkeys || !knowsPasskeys()) return null;
  const use = async () => {
    try {
      await logInByPasskey();
      await onIn();
    } catch (error) {
      setRefused(told(error).detail);
    }
  };
  return (
    <>
      <Button onClick={() => void use()}>
        <KeyRound aria-hidden /> Use a passkey
      </Button>
      {refused && <Refused text={refused} />}
    </>
  );
}
