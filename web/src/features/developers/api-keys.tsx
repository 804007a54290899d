import { KeyRound, Plus } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import { api, http, type Schemas, type Scope } from '../../api/client';
import { told } from '../../api/problem';
import { useDeed } from '../../app/deed';
import { useOnce } from '../../app/once';
import { useCaller, useMay } from '../../app/session';
import { date } from '../../app/words';
import { Badge } from '../../ui/badge';
import { Button } from '../../ui/button';
import { Card, CardHead, CardItems } from '../../ui/card';
import { CopyField } from '../../ui/copy';
import { Confirm, Dialog } from '../../ui/dialog';
import { CheckField, Field, Input, Select } from '../../ui/field';
import { Nothing } from '../../ui/states';
import { Cell, Table } from '../../ui/table';
import { Ago } from '../../ui/time';

type Key = Schemas['Key'];

/** The organization's keys: made, shown once, replaced, revoked. */
export function ApiKeys() {
  const found = api.useQuery('get', '/api/v1/keys', { params: { query: { limit: 100 } } });
  const mayChange = useMay('keys:write');
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState<Schemas['NewKey'] | null>(null);
  return (
    <Card>
      <CardHead title="API keys" hint="A key may do what its scopes say, in this organization alone.">
        {mayChange && (
          <Button variant="primary" onClick={() => setMaking(true)}>
            <Plus aria-hidden /> Make a key
          </Button>
        )}
      </CardHead>
      <CardItems query={found} items={found.data?.items} empty={<Nothing icon={<KeyRound />} title="No keys" />}>
        {(keys) => (
          <Table label="API keys" head={['Name', 'Begins with', 'Scopes', 'Last used', 'Expires', '']}>
            {keys.map((key) => (
              <KeyLine key={key.id} apiKey={key} onMade={setMade} />
            ))}
          </Table>
        )}
      </CardItems>
      {making && (
        <NewKey
          onClose={() => setMaking(false)}
          onMade={(key) => {
            setMaking(false);
            setMade(key);
          }}
        />
      )}
      {made && <Shown made={made} onClose={() => setMade(null)} />}
    </Card>
  );
}

function KeyLine({ apiKey, onMade }: { apiKey: Key; onMade: (key: Schemas['NewKey']) => void }) {
  const mayChange = useMay('keys:write');
  const { key_id } = useCaller();
  const deed = useDeed();
  const [asked, setAsked] = useState(false);
  const path = { params: { path: { key_id: apiKey.id } } };
  const touches = ['/api/v1/keys'];
  const [rotate] = useOnce(async () => {
    const answer = await deed(() => http.POST('/api/v1/keys/{key_id}/rotate', path), { touches });
    if (answer?.data) onMade(answer.data);
  });
  const revoke = () =>
    deed(() => http.DELETE('/api/v1/keys/{key_id}', path), { done: 'The key opens nothing now.', touches });
  return (
    <tr>
      <Cell className="min-w-32 font-medium [overflow-wrap:anywhere]" dir="auto">
        {apiKey.name} {apiKey.id === key_id && <Badge tone="accent">this browser</Badge>}
      </Cell>
      <Cell className="font-mono text-[13px]">{apiKey.prefix}…</Cell>
      <Cell className="max-w-72">
        <Scopes scopes={apiKey.scopes} />
      </Cell>
      <Cell className="text-muted-foreground">
        {apiKey.last_used_at ? <Ago time={apiKey.last_used_at} /> : 'never'}
      </Cell>
      <Cell className="whitespace-nowrap text-muted-foreground">
        {apiKey.expires_at ? date(apiKey.expires_at) : 'never'}
      </Cell>
      <Cell>
        {mayChange && (
          <div className="flex justify-end gap-1">
            <Button size="sm" variant="ghost" aria-label={`Replace ${apiKey.name}`} onClick={rotate}>
              Replace
            </Button>
            <Button size="sm" variant="danger" aria-label={`Revoke ${apiKey.name}`} onClick={() => setAsked(true)}>
              Revoke
            </Button>
          </div>
        )}
        <Confirm
          open={asked}
          onOpenChange={setAsked}
          title="Revoke this key?"
          action="Revoke it"
          onConfirm={() => void revoke()}
        >
          <span dir="auto">{apiKey.name}</span> opens nothing from then on. This can’t be taken back.
        </Confirm>
      </Cell>
    </tr>
  );
}

function Scopes({ scopes }: { scopes: readonly string[] }) {
  if (scopes.includes('*')) return <Badge tone="warn">everything</Badge>;
  return (
    <span className="flex flex-wrap gap-1">
      {scopes.map((scope) => (
        <Badge key={scope}>{scope}</Badge>
      ))}
    </span>
  );
}

const DAYS = { '30 days': 30, '90 days': 90, 'A year': 365, Never: 0 };

function NewKey({ onClose, onMade }: { onClose: () => void; onMade: (key: Schemas['NewKey']) => void }) {
  const { scopes: mine } = useCaller();
  const deed = useDeed();
  const [name, setName] = useState('');
  const [chosen, setChosen] = useState<ReadonlySet<Scope>>(new Set());
  const [days, setDays] = useState(DAYS['90 days']);
  const [problem, setProblem] = useState<string>();
  const toggle = (scope: Scope) =>
    setChosen((before) => {
      const next = new Set(before);
      if (!next.delete(scope)) next.add(scope);
      return next;
    });
  const [make] = useOnce(async () => {
    const expires_at = days > 0 ? new Date(Date.now() + days * 86_400_000).toISOString() : null;
    const body = { name: name.trim(), scopes: [...chosen], expires_at };
    const refuse = (error: unknown) => setProblem(told(error).detail);
    const made = await deed(() => http.POST('/api/v1/keys', { body }), { refuse, touches: ['/api/v1/keys'] });
    if (made?.data) onMade(made.data);
  });
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    make();
  };
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title="Make a key" width="max-w-xl">
      <form onSubmit={onSubmit} className="grid grid-cols-1 gap-4">
        <Field label="Name" hint="What it is for.">
          {(field) => (
            <Input {...field} required maxLength={200} value={name} onChange={(event) => setName(event.target.value)} />
          )}
        </Field>
        <fieldset className="grid grid-cols-1 gap-2">
          <legend className="mb-1.5 flex w-full items-center gap-3 font-medium">
            What it may do
            <Button variant="link" size="none" onClick={() => setChosen(new Set(mine))}>
              All that I may
            </Button>
          </legend>
          <div className="grid grid-cols-2 gap-x-4 gap-y-1.5 sm:grid-cols-3">
            {mine.map((scope) => (
              <CheckField key={scope} label={scope} checked={chosen.has(scope)} onChange={() => toggle(scope)} />
            ))}
          </div>
        </fieldset>
        <Field label="It ends after">
          {(field) => (
            <Select {...field} value={days} onChange={(event) => setDays(Number(event.target.value))}>
              {Object.entries(DAYS).map(([label, value]) => (
                <option key={value} value={value}>
                  {label}
                </option>
              ))}
            </Select>
          )}
        </Field>
        {problem && (
          <p role="alert" className="text-destructive">
            {problem}
          </p>
        )}
        <Button type="submit" variant="primary" className="justify-self-end" disabled={chosen.size === 0}>
          Make it
        </Button>
      </form>
    </Dialog>
  );
}

/** A key that was made just now, and how it is used. */
function Shown({ made, onClose }: { made: Schemas['NewKey']; onClose: () => void }) {
  const curl = `curl -H "Authorization: Bearer ${made.secret}" ${window.location.origin}/api/v1/assets`;
  return (
    <Dialog
      open
      once
      onOpenChange={(open) => !open && onClose()}
      title="Your new key"
      description="Keep it now: it is not shown again."
    >
      <CopyField label="Key" value={made.secret} />
      <CopyField label="Try it" value={curl} />
      <Button variant="primary" className="justify-self-end" onClick={onClose}>
        I have it
      </Button>
    </Dialog>
  );
}
