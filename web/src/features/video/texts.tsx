import { Captions } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import { api, http, type Schemas } from '../../api/client';
import { told } from '../../api/problem';
import { useDeed } from '../../app/deed';
import { useMay } from '../../app/session';
import { bytes } from '../../app/words';
import { Badge } from '../../ui/badge';
import { Button } from '../../ui/button';
import { Card, CardBody, CardHead } from '../../ui/card';
import { Confirm, Dialog } from '../../ui/dialog';
import { CheckField, Choice, Field, Input } from '../../ui/field';
import { Failed, Loading } from '../../ui/states';
import { Cell, Table } from '../../ui/table';
import { type Asset, pathOf } from '../videos/asset';
import { Download } from './download';
import { language, languageOfFile } from './track-words';

type TextTrack = Schemas['TextTrack'];
type Kind = Schemas['TextKind'];

const PATH = '/api/v1/assets/{asset_id}/tracks';
const TOUCHES = [PATH, '/api/v1/assets/{asset_id}/outputs'];
const KINDS: Readonly<Record<Kind, string>> = {
  subtitles: 'Subtitles, for who does not know the language',
  captions: 'Captions, for who does not hear',
};

/** The captions and subtitles of a video: listed, added, removed. */
export function Texts({ asset, handle }: { asset: Asset; handle: string | null }) {
  const found = api.useQuery('get', PATH, { params: { path: { asset_id: asset.id } } });
  const mayChange = useMay('assets:write');
  const [adding, setAdding] = useState(false);
  return (
    <Card>
      <CardHead title="Text" hint="Captions and subtitles, which viewers choose in the player.">
        {mayChange && (
          <Button size="sm" onClick={() => setAdding(true)}>
            <Captions aria-hidden /> Add captions or subtitles
          </Button>
        )}
      </CardHead>
      {found.isPending ? (
        <CardBody>
          <Loading lines={1} />
        </CardBody>
      ) : found.isError ? (
        <Failed error={found.error} onRetry={() => void found.refetch()} />
      ) : found.data.items.length === 0 ? (
        <CardBody className="text-muted-foreground">There are none.</CardBody>
      ) : (
        <Table label="Text" head={['Language', 'Name', 'Kind', 'Texts', 'Size', '']}>
          {found.data.items.map((track) => (
            <TextLine key={track.id} asset={asset} handle={handle} track={track} mayChange={mayChange} />
          ))}
        </Table>
      )}
      <Dialog
        open={adding}
        onOpenChange={setAdding}
        title="Add captions or subtitles"
        description="A WebVTT or SubRip file (.vtt, .srt) in UTF-8."
      >
        <NewText asset={asset} isFirst={found.data?.items.length === 0} onDone={() => setAdding(false)} />
      </Dialog>
    </Card>
  );
}

interface TextLineProps {
  asset: Asset;
  handle: string | null;
  track: TextTrack;
  mayChange: boolean;
}

function TextLine({ asset, handle, track, mayChange }: TextLineProps) {
  const deed = useDeed();
  const [asked, setAsked] = useState(false);
  const path = { asset_id: asset.id, track_id: track.id };
  const remove = () =>
    deed(() => http.DELETE('/api/v1/assets/{asset_id}/tracks/{track_id}', { params: { path } }), {
      done: `${track.name} is removed.`,
      touches: TOUCHES,
    });
  return (
    <tr>
      <Cell className="whitespace-nowrap font-medium">{language(track.language)}</Cell>
      <Cell className="min-w-32 text-muted-foreground [overflow-wrap:anywhere]" dir="auto">
        {track.name}
      </Cell>
      <Cell className="text-muted-foreground">
        <span className="flex flex-wrap gap-1.5">
          {track.kind === 'captions' ? 'Captions' : 'Subtitles'}
          {track.default && <Badge tone="accent">Default</Badge>}
          {track.forced && <Badge tone="accent">Forced</Badge>}
        </span>
      </Cell>
      <Cell className="text-muted-foreground tabular-nums">{track.cues}</Cell>
      <Cell className="whitespace-nowrap text-muted-foreground tabular-nums">{bytes(track.size_bytes)}</Cell>
      <Cell>
        <div className="flex justify-end gap-1">
          <Download
            path={pathOf(track.url).replace(asset.playback_id, handle ?? asset.playback_id)}
            label={`Download: ${track.name}`}
            name={`${track.language}.vtt`}
          />
          {mayChange && (
            <Button size="sm" variant="danger" aria-label={`Remove ${track.name}`} onClick={() => setAsked(true)}>
              Remove
            </Button>
          )}
        </div>
        <Confirm
          open={asked}
          onOpenChange={setAsked}
          title="Remove this text?"
          action="Remove it"
          onConfirm={() => void remove()}
        >
          Viewers can’t choose <span dir="auto">{track.name}</span> any more. It can’t be restored: keep a copy of the
          file.
        </Confirm>
      </Cell>
    </tr>
  );
}

function NewText({ asset, isFirst, onDone }: { asset: Asset; isFirst: boolean; onDone: () => void }) {
  const deed = useDeed();
  const [file, setFile] = useState<File | null>(null);
  const [tag, setTag] = useState('');
  const [name, setName] = useState('');
  const [kind, setKind] = useState<Kind>('subtitles');
  const [isDefault, setDefault] = useState(false);
  const [problem, setProblem] = useState('');
  const [sending, setSending] = useState(false);
  const choose = (chosen: File | undefined) => {
    setFile(chosen ?? null);
    if (chosen && tag === '') setTag(languageOfFile(chosen.name));
  };
  const send = async (event: FormEvent) => {
    event.preventDefault();
    if (!file) return;
    setProblem('');
    setSending(true);
    const query = { language: tag.trim(), name: name.trim(), kind, default: isDefault };
    const post = () =>
      http.POST(PATH, {
        params: { path: { asset_id: asset.id }, query },
        headers: { 'Content-Type': file.type || 'application/octet-stream' },
        body: file as never,
        bodySerializer: (body: unknown) => body as File,
      });
    const refuse = (error: unknown) => setProblem(told(error).detail);
    const added = await deed(post, { done: 'Viewers can choose it now.', touches: TOUCHES, refuse });
    setSending(false);
    if (added) onDone();
  };
  const called = language(tag.trim());
  return (
    <form onSubmit={(event) => void send(event)} className="grid grid-cols-1 gap-4">
      <Field label="File">
        {(field) => (
          <Input
            {...field}
            type="file"
            required
            accept=".vtt,.srt,text/vtt,application/x-subrip"
            className="py-1.5"
            onChange={(event) => choose(event.target.files?.[0])}
          />
        )}
      </Field>
      <Field label="Language" hint={tag && called !== tag.trim() ? called : 'A tag such as en, pt-BR or zh-Hant.'}>
        {(field) => (
          <Input
            {...field}
            required
            maxLength={63}
            spellCheck={false}
            autoCapitalize="none"
            value={tag}
            onChange={(event) => setTag(event.target.value)}
          />
        )}
      </Field>
      <Field label="Name" hint="What viewers choose it by; its language where it is left out.">
        {(field) => (
          <Input {...field} dir="auto" maxLength={200} value={name} onChange={(event) => setName(event.target.value)} />
        )}
      </Field>
      <Choice label="Kind" value={kind} options={KINDS} onChange={setKind} />
      <CheckField
        label={isFirst ? 'Show it unless a viewer chooses' : 'Show it, and no other, unless a viewer chooses'}
        checked={isDefault}
        onChange={setDefault}
      />
      {problem && (
        <p role="alert" className="text-destructive">
          {problem}
        </p>
      )}
      <Button type="submit" variant="primary" className="justify-self-start" disabled={sending}>
        Add it
      </Button>
    </form>
  );
}
