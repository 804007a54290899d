import { Download, PenLine, Plus } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import { api, http, type Schemas } from '../../api/client';
import { told } from '../../api/problem';
import { useDeed } from '../../app/deed';
import { useOnce } from '../../app/once';
import { useMay } from '../../app/session';
import { Badge } from '../../ui/badge';
import { Button } from '../../ui/button';
import { Card, CardHead, CardItems } from '../../ui/card';
import { CodeBlock } from '../../ui/code';
import { CopyButton } from '../../ui/copy';
import { Confirm, Dialog } from '../../ui/dialog';
import { Field, Input, Select, Textarea } from '../../ui/field';
import { Nothing } from '../../ui/states';
import { Cell, Table } from '../../ui/table';
import { Ago } from '../../ui/time';

type SigningKey = Schemas['SigningKeyView'];
type Made = Schemas['MadeSigningKey'];

/** The keys that links to private videos are signed with: made, shown once, revoked. */
export default function SigningKeys() {
  const found = api.useQuery('get', '/api/v1/signing-keys');
  const mayChange = useMay('signing:write');
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState<Made | null>(null);
  return (
    <Card>
      <CardHead title="Signing keys" hint="Your own server signs links to private videos with them, without asking us.">
        {mayChange && (
          <Button variant="primary" onClick={() => setMaking(true)}>
            <Plus aria-hidden /> Make a signing key
          </Button>
        )}
      </CardHead>
      <CardItems query={found} items={found.data?.items} empty={<NoKeys />}>
        {(keys) => (
          <Table label="Signing keys" head={['Name', 'Key ID', 'Algorithm', 'Made', '']}>
            {keys.map((key) => (
              <KeyLine key={key.id} signingKey={key} mayChange={mayChange} />
            ))}
          </Table>
        )}
      </CardItems>
      {making && (
        <NewSigningKey
          onClose={() => setMaking(false)}
          onMade={(key) => {
            setMaking(false);
            setMade(key);
          }}
        />
      )}
      {made?.private_key && <Shown made={made} privateKey={made.private_key} onClose={() => setMade(null)} />}
    </Card>
  );
}

function NoKeys() {
  return (
    <Nothing icon={<PenLine />} title="No signing keys">
      <p>A link that is signed opens one private video, for as long as you say. Single ones are made at the video.</p>
    </Nothing>
  );
}

const TOUCHES = ['/api/v1/signing-keys'];

function KeyLine({ signingKey, mayChange }: { signingKey: SigningKey; mayChange: boolean }) {
  const deed = useDeed();
  const [asked, setAsked] = useState(false);
  const path = { params: { path: { key_id: signingKey.id } } };
  const revoke = () =>
    deed(() => http.DELETE('/api/v1/signing-keys/{key_id}', path), {
      done: 'What it signed opens nothing within a minute.',
      touches: TOUCHES,
    });
  return (
    <tr>
      <Cell className="min-w-32 font-medium [overflow-wrap:anywhere]" dir="auto">
        {signingKey.name}
      </Cell>
      <Cell className="whitespace-nowrap font-mono text-[13px]">
        {signingKey.id} <CopyButton bare text={signingKey.id} label={`Copy the ID of ${signingKey.name}`} />
      </Cell>
      <Cell>{signingKey.algorithm}</Cell>
      <Cell className="text-muted-foreground">
        <Ago time={signingKey.created_at} />
      </Cell>
      <Cell className="text-right">
        {signingKey.revoked_at ? (
          <Badge tone="danger">Revoked</Badge>
        ) : (
          mayChange && (
            <Button size="sm" variant="danger" aria-label={`Revoke ${signingKey.name}`} onClick={() => setAsked(true)}>
              Revoke
            </Button>
          )
        )}
        <Confirm
          open={asked}
          onOpenChange={setAsked}
          title="Revoke this signing key?"
          action="Revoke it"
          onConfirm={() => void revoke()}
        >
          Every link that was signed with <span dir="auto">{signingKey.name}</span> stops working within a minute, for
          those who watch now as well. This can’t be taken back.
        </Confirm>
      </Cell>
    </tr>
  );
}

const ALGORITHMS: Record<Schemas['Algorithm'], string> = {
  ES256: 'ES256: short signatures, made everywhere',
  EdDSA: 'EdDSA (Ed25519): the newest',
  RS256: 'RS256: for libraries that know nothing else',
};

function NewSigningKey({ onClose, onMade }: { onClose: () => void; onMade: (made: Made) => void }) {
  const deed = useDeed();
  const [name, setName] = useState('');
  const [algorithm, setAlgorithm] = useState<Schemas['Algorithm']>('ES256');
  const [own, setOwn] = useState('');
  const [problem, setProblem] = useState<string>();
  const [make] = useOnce(async () => {
    const body = { name: name.trim(), algorithm, public_key: own.trim() || null };
    const refuse = (error: unknown) => setProblem(told(error).detail);
    const answer = await deed(() => http.POST('/api/v1/signing-keys', { body }), { refuse, touches: TOUCHES });
    if (answer?.data) onMade(answer.data);
  });
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    make();
  };
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title="Make a signing key" width="max-w-xl">
      <form onSubmit={onSubmit} className="grid grid-cols-1 gap-4">
        <Field label="Name" hint="What signs with it.">
          {(field) => (
            <Input {...field} required maxLength={200} value={name} onChange={(event) => setName(event.target.value)} />
          )}
        </Field>
        <Field label="Algorithm">
          {(field) => (
            <Select
              {...field}
              wide
              value={algorithm}
              onChange={(event) => setAlgorithm(event.target.value as Schemas['Algorithm'])}
            >
              {Object.entries(ALGORITHMS).map(([value, label]) => (
                <option key={value} value={value}>
                  {label}
                </option>
              ))}
            </Select>
          )}
        </Field>
        <Field label="Public key of your own (PEM)" hint="Leave it empty, and the pair is made here.">
          {(field) => (
            <Textarea
              {...field}
              rows={4}
              spellCheck={false}
              className="font-mono text-[13px]"
              value={own}
              onChange={(event) => setOwn(event.target.value)}
            />
          )}
        </Field>
        {problem && (
          <p role="alert" className="text-destructive">
            {problem}
          </p>
        )}
        <Button type="submit" variant="primary" className="justify-self-end">
          Make it
        </Button>
      </form>
    </Dialog>
  );
}

/** A pair that was made just now: its private half, and how it is used. */
function Shown({ made, privateKey, onClose }: { made: Made; privateKey: string; onClose: () => void }) {
  const file = `data:application/x-pem-file,${encodeURIComponent(privateKey)}`;
  return (
    <Dialog
      open
      once
      onOpenChange={(open) => !open && onClose()}
      title="Your new signing key"
      description="Keep its private half now: it is stored nowhere here, and not shown again."
      width="max-w-xl"
    >
      <CodeBlock label="Private key" text={privateKey} />
      <CodeBlock
        label="Sign a link with it"
        text={`vidctl sign PLAYBACK_ID --private-key key.pem --key-id ${made.id}`}
      />
      <div className="flex justify-end gap-2">
        <Button asChild>
          <a href={file} download={`${made.id}.pem`}>
            <Download aria-hidden /> Download it
          </a>
        </Button>
        <Button variant="primary" onClick={onClose}>
          I have it
        </Button>
      </div>
    </Dialog>
  );
}
