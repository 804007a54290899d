import { useQuery } from '@tanstack/react-query';
import { Navigate } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { answered } from '../../api/answered';
import { api, http, type Schemas } from '../../api/client';
import { told } from '../../api/problem';
import { ago } from '../../app/words';
import { Button } from '../../ui/button';
import { Field, Select } from '../../ui/field';
import { Failed, Loading } from '../../ui/states';
import { Refused, TextForm } from '../../ui/text-form';
import { Done, Entrance } from './entrance';
import { ANYTHING, useSecret } from './secret';

const KEPT_AS = 'vidcompute-device';
const CODE = { name: 'code', label: 'The code that the program shows' } as const;

/**
 * What was typed; else the code of the link, or of the one that one came by before one had to log in. It is kept at
 * once: one logs in elsewhere, maybe at a provider, and the first answer to whoever is not logged in leads away from here.
 */
function useCode(): [string, (code: string) => void] {
  const linked = useSecret(ANYTHING);
  const [typed, setTyped] = useState('');
  const code = typed || linked || (sessionStorage.getItem(KEPT_AS) ?? '');
  useEffect(() => {
    if (code) sessionStorage.setItem(KEPT_AS, code);
  }, [code]);
  return [code, setTyped];
}

/** A program waits with a code: who asks, and as whom it would be let in, is said before anything is allowed. */
export function Device() {
  const [code, setCode] = useCode();
  const me = api.useQuery('get', '/api/v1/me', {}, { retry: false });
  const asking = useQuery({
    queryKey: ['post', '/api/v1/devices/view', code],
    queryFn: () => answered(http.POST('/api/v1/devices/view', { body: { code } })),
    enabled: me.isSuccess && code !== '',
    retry: false,
  });
  const [answer, setAnswer] = useState('');
  if (me.isError && (told(me.error).status === 401 || told(me.error).code === 'person_required')) {
    return <Navigate to="/enter" search={{ next: '/device' }} />;
  }
  return (
    <Entrance title="Let a program in">
      {me.isError ? (
        <Failed error={me.error} onRetry={() => void me.refetch()} />
      ) : answer ? (
        <Done>{answer}</Done>
      ) : me.isPending || asking.isLoading ? (
        <Loading lines={3} />
      ) : asking.data ? (
        <Asking code={code} device={asking.data} me={me.data} onAnswer={setAnswer} />
      ) : (
        <>
          {asking.isError && <Refused text={told(asking.error).detail} />}
          <TextForm fields={[CODE]} action="Go on" onSend={async (typed) => setCode(typed.code.trim())} />
        </>
      )}
    </Entrance>
  );
}

interface AskingProps {
  code: string;
  device: Schemas['Device'];
  me: Schemas['Me'];
  onAnswer: (text: string) => void;
}

function Asking({ code, device, me, onAnswer }: AskingProps) {
  const [organization, setOrganization] = useState(me.organizations[0]?.organization_id ?? null);
  const [refused, setRefused] = useState('');
  const answer = async (allow: boolean) => {
    try {
      const body = { code, allow, organization_id: allow ? organization : null };
      await answered(http.POST('/api/v1/devices/answer', { body }));
      sessionStorage.removeItem(KEPT_AS);
      onAnswer(allow ? 'Done: go back to the program.' : 'Refused: nothing was let in.');
    } catch (error) {
      setRefused(told(error).detail);
    }
  };
  return (
    <div className="grid gap-4">
      <p>
        <strong>{device.agent}</strong>, at the address {device.address}, asked {ago(device.asked_at)} to be let in as{' '}
        {me.email}. Allow it only if you began this yourself.
      </p>
      {me.organizations.length > 0 && (
        <Field label="It begins to work in">
          {(field) => (
            <Select
              {...field}
              wide
              value={organization ?? ''}
              onChange={(event) => setOrganization(event.target.value)}
            >
              {me.organizations.map((home) => (
                <option key={home.organization_id} value={home.organization_id}>
                  {home.name} ({home.role})
                </option>
              ))}
            </Select>
          )}
        </Field>
      )}
      {refused && <Refused text={refused} />}
      <div className="flex gap-2">
        <Button variant="primary" onClick={() => void answer(true)}>
          Allow
        </Button>
        <Button onClick={() => void answer(false)}>Refuse</Button>
      </div>
    </div>
  );
}
