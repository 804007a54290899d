import { Laptop, Terminal } from 'lucide-react';
import { api, http, type Schemas } from '../../api/client';
import { useDeed } from '../../app/deed';
import { Badge } from '../../ui/badge';
import { Button } from '../../ui/button';
import { Card, CardBody, CardHead } from '../../ui/card';
import { Field, Select } from '../../ui/field';
import { Failed, Loading } from '../../ui/states';
import { Ago } from '../../ui/time';
import { browserName } from '../enter/ways';

/** One's own account: where one is logged in, and the mails that one gets. */
export default function Account() {
  return (
    <div className="grid grid-cols-1 items-start gap-5 lg:grid-cols-2">
      <Sessions />
      <div className="grid grid-cols-1 gap-5">
        <Mails />
        <Card>
          <CardHead title="Safety" hint="Password, codes and passkeys, and all that is kept of you." />
          <CardBody className="flex flex-wrap gap-2">
            <Button asChild>
              <a href="/account/security">Password, codes, passkeys</a>
            </Button>
            <Button asChild>
              <a href="/account/me">What is kept</a>
            </Button>
          </CardBody>
        </Card>
      </div>
    </div>
  );
}

const SESSIONS = ['/api/v1/me/sessions'];

function Sessions() {
  const found = api.useQuery('get', '/api/v1/me/sessions');
  const deed = useDeed();
  const endOthers = () =>
    deed(() => http.DELETE('/api/v1/me/sessions'), { done: 'All others are logged out.', touches: SESSIONS });
  if (found.isPending) return <Loading />;
  if (found.isError) return <Failed error={found.error} onRetry={() => void found.refetch()} />;
  return (
    <Card>
      <CardHead title="Where you are logged in">
        {found.data.items.length > 1 && (
          <Button size="sm" onClick={() => void endOthers()}>
            Log out all others
          </Button>
        )}
      </CardHead>
      <ul aria-label="Sessions">
        {found.data.items.map((session) => (
          <SessionLine key={session.id} session={session} />
        ))}
      </ul>
    </Card>
  );
}

function SessionLine({ session }: { session: Schemas['Session'] }) {
  const deed = useDeed();
  const path = { params: { path: { session_id: session.id } } };
  const end = () =>
    deed(() => http.DELETE('/api/v1/me/sessions/{session_id}', path), { done: 'Logged out there.', touches: SESSIONS });
  const Icon = session.kind === 'browser' ? Laptop : Terminal;
  return (
    <li className="flex items-center gap-3 border-t px-5 py-3">
      <Icon aria-hidden className="size-5 shrink-0 text-muted-foreground" />
      <div className="min-w-0 flex-1">
        <p className="truncate font-medium" title={session.agent}>
          {session.kind === 'browser' ? browserName(session.agent) : session.agent}{' '}
          {session.current && <Badge tone="accent">this one</Badge>}
        </p>
        <p className="text-[13px] text-muted-foreground">
          {session.address} · <Ago time={session.seen_at} />
        </p>
      </div>
      {!session.current && (
        <Button size="sm" variant="ghost" onClick={() => void end()}>
          Log out
        </Button>
      )}
    </li>
  );
}

const CHOICES: Record<Schemas['Choice'], string> = { off: 'None', own: 'Of what I began', all: 'All' };

function Mails() {
  const found = api.useQuery('get', '/api/v1/me/mails');
  const deed = useDeed();
  const choose = (kind: string, choice: Schemas['Choice']) =>
    deed(() => http.PATCH('/api/v1/me/mails', { body: { choices: { [kind]: choice } } }), {
      done: 'Saved.',
      touches: ['/api/v1/me/mails'],
    });
  return (
    <Card>
      <CardHead title="Mails" />
      <CardBody className="grid grid-cols-1 gap-4">
        {found.isPending && <Loading lines={3} />}
        {found.isError && <Failed error={found.error} />}
        {found.data?.items.map((kind) => (
          <Field key={kind.kind} label={kind.summary}>
            {(field) => (
              <Select
                {...field}
                value={kind.choice}
                onChange={(event) => void choose(kind.kind, event.target.value as Schemas['Choice'])}
              >
                {kind.choices.map((choice) => (
                  <option key={choice} value={choice}>
                    {CHOICES[choice]}
                  </option>
                ))}
              </Select>
            )}
          </Field>
        ))}
      </CardBody>
    </Card>
  );
}
