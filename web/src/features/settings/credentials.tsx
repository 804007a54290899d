import { useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { answered } from '../../api/answered';
import { api, http } from '../../api/client';
import { instead } from '../../api/problem';
import { say } from '../../app/messages';
import { Button } from '../../ui/button';
import { Card, CardHead } from '../../ui/card';
import { Dialog } from '../../ui/dialog';
import { Failed, Loading } from '../../ui/states';
import { TextForm } from '../../ui/text-form';
import { EMAIL, NAME, NEW_PASSWORD, PASSWORD } from '../enter/fields';

const PRESENT = { ...PASSWORD, name: 'current_password', label: 'Your present password' } as const;

type What = 'name' | 'email' | 'password';

/** Who one is: name, address, password. */
export function Credentials() {
  const queries = useQueryClient();
  const found = api.useQuery('get', '/api/v1/me');
  const [changing, setChanging] = useState<What | null>(null);
  const wrong = instead(found);
  if (wrong) return <Failed error={wrong} onRetry={() => void found.refetch()} />;
  if (!found.data) return <Loading lines={3} />;
  const done = (text: string) => {
    setChanging(null);
    say(text);
    void queries.invalidateQueries({ predicate: ({ queryKey: [, path] }) => `${path}`.startsWith('/api/v1/me') });
  };
  const rename = async (body: { name: string }) => {
    await answered(http.PATCH('/api/v1/me', { body }));
    done('Saved.');
  };
  const move = async (body: { email: string; current_password: string }) => {
    await answered(http.POST('/api/v1/me/email', { body }));
    done('Look into the new mailbox, and follow the link there.');
  };
  const setPassword = async (body: { current_password: string; password: string }) => {
    await answered(http.POST('/api/v1/me/password', { body }));
    done('Changed: you are logged in here alone now.');
  };
  const forms: Record<What, { title: string; description?: string; form: ReactNode }> = {
    name: {
      title: 'Another name',
      form: <TextForm fields={[{ ...NAME, value: found.data.name }]} action="Save" onSend={rename} />,
    },
    email: {
      title: 'Another e-mail address',
      description: 'A link goes there. The address counts when you follow it.',
      form: (
        <TextForm
          fields={[{ ...EMAIL, label: 'The new address', autoComplete: 'off' }, PRESENT]}
          action="Send the link"
          onSend={move}
        />
      ),
    },
    password: {
      title: 'Another password',
      description: 'You are logged out everywhere but here.',
      form: <TextForm fields={[PRESENT, NEW_PASSWORD]} action="Change the password" onSend={setPassword} />,
    },
  };
  const shown = changing && forms[changing];
  return (
    <Card>
      <CardHead title="You" />
      <ul aria-label="You">
        <Line label="Name" value={found.data.name} onChange={() => setChanging('name')} />
        <Line label="E-mail address" value={found.data.email} onChange={() => setChanging('email')} />
        <Line label="Password" value="••••••••" onChange={() => setChanging('password')} />
      </ul>
      {shown && (
        <Dialog
          open
          onOpenChange={(open) => !open && setChanging(null)}
          title={shown.title}
          description={shown.description}
        >
          {shown.form}
        </Dialog>
      )}
    </Card>
  );
}

function Line({ label, value, onChange }: { label: string; value: string; onChange: () => void }) {
  return (
    <li className="flex items-center justify-between gap-3 border-t px-5 py-3">
      <div className="min-w-0">
        <p className="text-[13px] text-muted-foreground">{label}</p>
        <p className="truncate" dir="auto">
          {value}
        </p>
      </div>
      <Button size="sm" variant="ghost" aria-label={`Change: ${label}`} onClick={onChange}>
        Change
      </Button>
    </li>
  );
}
