import { useState } from 'react';
import { answered } from '../../api/answered';
import { http } from '../../api/client';
import { TextForm } from '../../ui/text-form';
import { Done, Entrance, Way, Ways } from './entrance';
import { EMAIL, NEW_PASSWORD, PASSWORD } from './fields';
import { LogIn } from './log-in';
import { ANYTHING, useSecret } from './secret';

const LOG_IN = (
  <Ways>
    <Way to="/enter">Log in</Way>
  </Ways>
);

/** A forgotten password: asks for the mail with the link that sets another. */
export function Forgot() {
  const [sent, setSent] = useState(false);
  const send = async (body: { email: string }) => {
    await answered(http.POST('/api/v1/forgot-password', { body }));
    setSent(true);
  };
  return (
    <Entrance title="A forgotten password" hint="A link that sets a new password comes by mail.">
      {sent ? (
        <Done>If there is an account of this address, a mail is on its way to it.</Done>
      ) : (
        <TextForm fields={[EMAIL]} action="Send it" onSend={send} />
      )}
      {LOG_IN}
    </Entrance>
  );
}

/** Where that link leads. */
export function Reset() {
  const token = useSecret(ANYTHING);
  const [done, setDone] = useState(false);
  const send = async ({ password }: { password: string }) => {
    await answered(http.POST('/api/v1/reset-password', { body: { token, password } }));
    setDone(true);
  };
  return (
    <Entrance title="A new password">
      {done ? (
        <Done>Done: log in with the new password.</Done>
      ) : token ? (
        <TextForm fields={[NEW_PASSWORD]} action="Set it" onSend={send} />
      ) : (
        <Again />
      )}
      {LOG_IN}
    </Entrance>
  );
}

/** A mailbox is proved by the link that came to it, and the account's password; or the link is sent once more. */
export function Verify() {
  const token = useSecret(ANYTHING);
  const [done, setDone] = useState('');
  const confirm = async ({ password }: { password: string }) => {
    await answered(http.POST('/api/v1/verify-email', { body: { token, password } }));
    setDone('Done: you can log in now.');
  };
  const sendAgain = async (body: { email: string }) => {
    await answered(http.POST('/api/v1/verify-email/again', { body }));
    setDone('If an account of this address waits for it, the link is on its way.');
  };
  const hint = token
    ? 'Say your password to confirm this address.'
    : 'The link that confirms your address comes by mail once more.';
  return (
    <Entrance title="Confirm your address" hint={done ? undefined : hint}>
      {done ? (
        <Done>{done}</Done>
      ) : token ? (
        <TextForm key="confirm" fields={[PASSWORD]} action="Confirm" onSend={confirm} />
      ) : (
        <TextForm key="again" fields={[EMAIL]} action="Send it" onSend={sendAgain} />
      )}
      {LOG_IN}
    </Entrance>
  );
}

/** Another address of an account: the link that came there counts for who logs in with the present one. */
export function NewEmail() {
  const token = useSecret(ANYTHING);
  const [done, setDone] = useState(false);
  const take = async () => {
    await answered(http.POST('/api/v1/me/email/confirm', { body: { token } }));
    setDone(true);
  };
  return (
    <Entrance
      title="A new address"
      hint={done || !token ? undefined : 'Log in with your present address to change it.'}
    >
      {done ? (
        <Done>Done: this is your address now.</Done>
      ) : token ? (
        <LogIn action="Change it" onIn={take} />
      ) : (
        <Again />
      )}
      {LOG_IN}
    </Entrance>
  );
}

function Again() {
  return <p>This link is not whole, or was used already. Open the one in the mail once more.</p>;
}
