import { useQueryClient } from '@tanstack/react-query';
import { Plus, X } from 'lucide-react';
import { type FormEvent, useRef } from 'react';
import { http, type Schemas } from '../../api/client';
import { told } from '../../api/problem';
import { say } from '../../app/messages';
import { useOnce } from '../../app/once';
import { useMay } from '../../app/session';
import { useTyped } from '../../app/typed';
import { bytes, date } from '../../app/words';
import { Button } from '../../ui/button';
import { Card, CardBody, CardHead } from '../../ui/card';
import { CopyButton } from '../../ui/copy';
import { Field, Input } from '../../ui/field';
import { type Asset, titleOf } from '../videos/asset';
import { takeEvent } from '../videos/list';
import { Danger } from './danger';

type Changes = Partial<Schemas['AssetChanges']>;

/** Changes a video, and shows it as it is then; what is wrong with the wish, in the server's words. */
export function useChange(asset: Asset): (changes: Changes) => Promise<string | null> {
  const queries = useQueryClient();
  return async (changes) => {
    const { data, error } = await http.PATCH('/api/v1/assets/{asset_id}', {
      params: { path: { asset_id: asset.id } },
      body: changes as Schemas['AssetChanges'],
    });
    if (!data) return told(error).detail;
    await takeEvent(queries, { type: 'asset.updated', subjectId: asset.id, data: {} });
    return null;
  };
}

interface Pair {
  key: string;
  value: string;
  id: number;
}

/** What people say of a video, and what was found out about it. */
export function Details({ asset }: { asset: Asset }) {
  const mayChange = useMay('assets:write');
  return (
    <div className="grid grid-cols-1 items-start gap-5 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
      <Card>
        <CardHead title="What it is called" />
        <CardBody>{mayChange ? <ChangeForm asset={asset} /> : <Said asset={asset} />}</CardBody>
      </Card>
      <Card>
        <CardHead title="What it is" />
        <CardBody>
          <Facts asset={asset} />
        </CardBody>
      </Card>
      {mayChange && <Danger asset={asset} />}
    </div>
  );
}

function Said({ asset }: { asset: Asset }) {
  return (
    <dl className="grid grid-cols-1 gap-3">
      <Fact name="Title">{titleOf(asset)}</Fact>
      {Object.entries(asset.metadata).map(([key, value]) => (
        <Fact key={key} name={key}>
          {value}
        </Fact>
      ))}
    </dl>
  );
}

interface Called {
  title: string;
  pairs: readonly Pair[];
}

function calledNow(asset: Asset): Called {
  const pairs = Object.entries(asset.metadata).map(([key, value], id) => ({ key, value, id }));
  return { title: asset.title ?? '', pairs };
}

/** What of it is typed, in whatever order it is sent back. */
function textOf({ title, pairs }: Called): string {
  return JSON.stringify([title, pairs.map(({ key, value }) => [key, value]).sort()]);
}

/** Why some of it would be lost; nothing where all is well. */
function lossIn(pairs: readonly Pair[]): string {
  if (pairs.some(({ key, value }) => key === '' && value.trim() !== '')) return 'A value has no key.';
  const twice = pairs.find(({ key }, place) => pairs.findIndex((other) => other.key === key) < place);
  return twice ? `The key ${twice.key} is there twice.` : '';
}

function ChangeForm({ asset }: { asset: Asset }) {
  const change = useChange(asset);
  const [called, setCalled] = useTyped(calledNow(asset), textOf);
  const send = async (next: Called) => {
    const metadata = Object.fromEntries(next.pairs.map(({ key, value }) => [key, value]));
    const problem = await change({ title: next.title || null, metadata });
    if (problem === null) setCalled((now) => (now === called ? next : now));
    return problem;
  };
  const [save] = useOnce(async () => {
    const named = called.pairs.map((pair) => ({ ...pair, key: pair.key.trim() }));
    const pairs = named.filter(({ key, value }) => key !== '' || value.trim() !== '');
    const problem =
      lossIn(pairs) || (await send({ title: called.title.trim(), pairs }).catch((error) => told(error).detail));
    if (problem) say(problem, undefined, 'error');
    else say('Saved.');
  });
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    save();
  };
  return (
    <form onSubmit={onSubmit} className="grid grid-cols-1 gap-4">
      <Field label="Title">
        {(field) => (
          <Input
            {...field}
            dir="auto"
            value={called.title}
            maxLength={500}
            onChange={(event) => setCalled({ ...called, title: event.target.value })}
          />
        )}
      </Field>
      <Metadata pairs={called.pairs} onChange={(pairs) => setCalled({ ...called, pairs })} />
      <Button type="submit" variant="primary" className="justify-self-start">
        Save
      </Button>
    </form>
  );
}

interface MetadataProps {
  pairs: readonly Pair[];
  onChange: (pairs: readonly Pair[]) => void;
}

function Metadata({ pairs, onChange }: MetadataProps) {
  const adder = useRef<HTMLButtonElement>(null);
  const put = (id: number, part: Partial<Pair>) =>
    onChange(pairs.map((pair) => (pair.id === id ? { ...pair, ...part } : pair)));
  const remove = (id: number) => {
    onChange(pairs.filter((pair) => pair.id !== id));
    adder.current?.focus(); // what had the focus goes
  };
  return (
    <fieldset className="grid grid-cols-1 gap-2">
      <legend className="mb-1.5 font-medium">Metadata</legend>
      {pairs.map(({ id, key, value }) => (
        <div key={id} className="flex gap-2">
          <Input aria-label="Key" value={key} onChange={(event) => put(id, { key: event.target.value })} />
          <Input
            aria-label={`Value of ${key || 'the new key'}`}
            dir="auto"
            value={value}
            onChange={(event) => put(id, { value: event.target.value })}
          />
          <Button variant="ghost" size="icon" aria-label={`Remove ${key || 'the new key'}`} onClick={() => remove(id)}>
            <X />
          </Button>
        </div>
      ))}
      <Button
        ref={adder}
        size="sm"
        className="justify-self-start"
        onClick={() => onChange([...pairs, { key: '', value: '', id: Date.now() }])}
      >
        <Plus aria-hidden /> Add a key
      </Button>
    </fieldset>
  );
}

function Facts({ asset }: { asset: Asset }) {
  const facts = (asset.facts ?? {}) as { container?: string; size_bytes?: number; video?: { codec?: string } | null };
  return (
    <dl className="grid grid-cols-1 gap-3">
      <Id name="Video id" text={asset.id} />
      <Id name="Playback ID" text={asset.playback_id} />
      <Fact name="Created">{date(asset.created_at)}</Fact>
      {facts.video?.codec && (
        <Fact name="Source">
          {[facts.video.codec, facts.container, facts.size_bytes ? bytes(facts.size_bytes) : '']
            .filter(Boolean)
            .join(', ')}
        </Fact>
      )}
      {asset.frame_rate !== null && (
        <Fact name="Frames a second">{`${Math.round(asset.frame_rate * 1000) / 1000}`}</Fact>
      )}
      {asset.passthrough && <Fact name="Passthrough">{asset.passthrough}</Fact>}
      {asset.expires_at && <Fact name="Deleted by itself">{date(asset.expires_at)}</Fact>}
    </dl>
  );
}

function Id({ name, text }: { name: string; text: string }) {
  return (
    <Fact name={name}>
      <span className="flex items-center justify-between gap-2">
        <span className="font-mono text-[13px]">{text}</span>
        <CopyButton bare text={text} label={`Copy the ${name}`} />
      </span>
    </Fact>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div className="min-w-0">
      <dt className="text-[13px] text-muted-foreground">{name}</dt>
      <dd className="[overflow-wrap:anywhere]" dir="auto">
        {children}
      </dd>
    </div>
  );
}
