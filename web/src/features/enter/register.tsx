import { useState } from 'react';
import { answered } from '../../api/answered';
import { api, http } from '../../api/client';
import { Failed, Loading } from '../../ui/states';
import { TextForm } from '../../ui/text-form';
import { Done, Entrance, Way, Ways } from './entrance';
import { EMAIL, NAME, NEW_PASSWORD } from './fields';

/** An account of one's own, where everybody may have one. */
export function Register() {
  const found = api.useQuery('get', '/api/v1/ways-in');
  const [sent, setSent] = useState(false);
  const send = async (wish: { name: string; email: string; password: string }) => {
    await answered(http.POST('/api/v1/register', { body: { ...wish, invitation: null } }));
    setSent(true);
  };
  const password = { ...NEW_PASSWORD, hint: `${found.data?.shortest_password} characters or more.` };
  return (
    <Entrance title="Register">
      {found.isPending ? (
        <Loading lines={3} />
      ) : found.isError ? (
        <Failed error={found.error} onRetry={() => void found.refetch()} />
      ) : found.data.registration !== 'open' ? (
        <p>
          {found.data.registration === 'closed' ? 'Nobody can register here.' : 'One comes in here by invitation only.'}
        </p>
      ) : sent ? (
        <Done>Look into your mailbox: the link there, and your password, open your account.</Done>
      ) : (
        <TextForm fields={[NAME, EMAIL, password]} action="Register" onSend={send} />
      )}
      <Ways>
        {sent && <Way to="/verify">Send the link again</Way>}
        <Way to="/enter">Log in</Way>
      </Ways>
    </Entrance>
  );
}
