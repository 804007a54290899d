import { useQueryClient } from '@tanstack/react-query';
import { Plus, X } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import { http, type Schemas } from '../../api/client';
import { told } from '../../api/problem';
import { say } from '../../app/messages';
import { useMay } from '../../app/session';
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
        <CardBody>
          {mayChange ? (
            <ChangeForm asset={asset} key={JSON.stringify([asset.title, asset.metadata])} />
          ) : (
            <Said asset={asset} />
          )}
        </CardBody>
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

function ChangeForm({ asset }: { asset: Asset }) {
  const change = useChange(asset);
  const [title, setTitle] = useState(asset.title ?? '');
  const [pairs, setPairs] = useState<Pair[]>(() =>
    Object.entries(asset.metadata).map(([key, value], id) => ({ key, value, id })),
  );
  const [sending, setSending] = useState(false);
  const save = async (event: FormEvent) => {
    event.preventDefault();
    setSending(true);
    const named = pairs.filter(({ key }) => key.trim() !== '');
    const metadata = Object.fromEntries(named.map(({ key, value }) => [key.trim(), value]));
    const problem = await change({ title: title.trim() || null, metadata }).catch((error) => told(error).detail);
    setSending(false);
    if (problem === null) say('Saved.');
    else say(problem, undefined, 'error');
  };
  const put = (id: number, part: Partial<Pair>) =>
    setPairs((before) => before.map((pair) => (pair.id === id ? { ...pair, ...part } : pair)));
  return (
    <form onSubmit={(event) => void save(event)} className="grid grid-cols-1 gap-4">
      <Field label="Title">
        {(field) => (
          <Input
            {...field}
            dir="auto"
            value={title}
            maxLength={500}
            onChange={(event) => setTitle(event.target.value)}
          />
        )}
      </Field>
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
            <Button
              variant="ghost"
              size="icon"
              aria-label={`Remove ${key || 'the new key'}`}
              onClick={() => setPairs((before) => before.filter((pair) => pair.id !== id))}
            >
              <X />
            </Button>
          </div>
        ))}
        <Button
          size="sm"
          className="justify-self-start"
          onClick={() => setPairs((before) => [...before, { key: '', value: '', id: Date.now() }])}
        >
          <Plus aria-hidden /> Add a key
        </Button>
      </fieldset>
      <Button type="submit" variant="primary" className="justify-self-start" disabled={sending}>
        Save
      </Button>
    </form>
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
