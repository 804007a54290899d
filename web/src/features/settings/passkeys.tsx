import { useQueryClient } from '@tanstack/react-query';
import { KeyRound } from 'lucide-react';
import { useState } from 'react';
import { answered } from '../../api/answered';
import { api, http, type Schemas } from '../../api/client';
import { useDeed } from '../../app/deed';
import { say } from '../../app/messages';
import { Button } from '../../ui/button';
import { Card, CardHead, CardItems } from '../../ui/card';
import { Confirm, Dialog } from '../../ui/dialog';
import { TextForm } from '../../ui/text-form';
import { Ago } from '../../ui/time';
import { PASSWORD } from '../enter/fields';
import { knowsPasskeys, makePasskey } from '../enter/passkeys';

type Passkey = Schemas['Passkey'];

const PATH = '/api/v1/me/passkeys';
const CALLED = { name: 'name', label: 'What to call it' } as const;

/** The keys on devices that open one's account: added, named, removed. */
export default function Passkeys() {
  const queries = useQueryClient();
  const found = api.useQuery('get', PATH);
  const { data: ways } = api.useQuery('get', '/api/v1/ways-in');
  const [adding, setAdding] = useState(false);
  const add = async ({ name, password }: { name: string; password: string }) => {
    await makePasskey(name.trim(), password);
    setAdding(false);
    say('The passkey opens your account now.');
    void queries.invalidateQueries({ queryKey: ['get', PATH] });
  };
  return (
    <Card>
      <CardHead title="Passkeys" hint="A device that has recognised you opens your account: no password, no code.">
        {ways?.passkeys && knowsPasskeys() && (
          <Button size="sm" onClick={() => setAdding(true)}>
            Add a passkey
          </Button>
        )}
      </CardHead>
      <CardItems
        query={found}
        items={found.data?.items}
        lines={1}
        empty={ways && !ways.passkeys ? 'They need an https:// address with a host name.' : 'You have none.'}
      >
        {(passkeys) => (
          <ul aria-label="Passkeys">
            {passkeys.map((passkey) => (
              <PasskeyLine key={passkey.id} passkey={passkey} />
            ))}
          </ul>
        )}
      </CardItems>
      <Dialog
        open={adding}
        onOpenChange={setAdding}
        title="Add a passkey"
        description="Then your device asks who you are."
      >
        <TextForm fields={[CALLED, PASSWORD]} action="Add it" onSend={add} />
      </Dialog>
    </Card>
  );
}

function PasskeyLine({ passkey }: { passkey: Passkey }) {
  const queries = useQueryClient();
  const deed = useDeed();
  const [asked, setAsked] = useState<'name' | 'removal' | null>(null);
  const path = { params: { path: { passkey_id: passkey.id } } };
  const rename = async (body: { name: string }) => {
    await answered(http.PATCH('/api/v1/me/passkeys/{passkey_id}', { ...path, body }));
    setAsked(null);
    void queries.invalidateQueries({ queryKey: ['get', PATH] });
  };
  const remove = () =>
    deed(() => http.DELETE('/api/v1/me/passkeys/{passkey_id}', path), {
      done: 'The passkey opens nothing now.',
      touches: [PATH],
    });
  return (
    <li className="flex items-center gap-3 border-t px-5 py-3">
      <KeyRound aria-hidden className="size-5 shrink-0 text-muted-foreground" />
      <div className="min-w-0 flex-1">
        <p className="truncate font-medium" dir="auto">
          {passkey.name}
        </p>
        <p className="text-[13px] text-muted-foreground">
          {passkey.used_at ? (
            <>
              last used <Ago time={passkey.used_at} />
            </>
          ) : (
            'never used'
          )}
        </p>
      </div>
      <Button size="sm" variant="ghost" aria-label={`Rename ${passkey.name}`} onClick={() => setAsked('name')}>
        Rename
      </Button>
      <Button size="sm" variant="danger" aria-label={`Remove ${passkey.name}`} onClick={() => setAsked('removal')}>
        Remove
      </Button>
      <Dialog open={asked === 'name'} onOpenChange={(open) => !open && setAsked(null)} title="Rename the passkey">
        <TextForm fields={[{ ...CALLED, value: passkey.name }]} action="Rename it" onSend={rename} />
      </Dialog>
      <Confirm
        open={asked === 'removal'}
        onOpenChange={(open) => !open && setAsked(null)}
        title="Remove this passkey?"
        action="Remove it"
        onConfirm={() => void remove()}
      >
        <span dir="auto">{passkey.name}</span> opens your account no more. Your password does, as before.
      </Confirm>
    </li>
  );
}
