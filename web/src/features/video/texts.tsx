import { Captions } from 'lucide-react';
import { type FormEvent, type ReactNode, useState } from 'react';
import { api, http, type Schemas } from '../../api/client';
import { told } from '../../api/problem';
import { useDeed } from '../../app/deed';
import { useOnce } from '../../app/once';
import { useMay } from '../../app/session';
import { bytes } from '../../app/words';
import { Badge } from '../../ui/badge';
import { Button } from '../../ui/button';
import { Card, CardHead, CardItems } from '../../ui/card';
import { Confirm, Dialog } from '../../ui/dialog';
import { CheckField, Choice, Field, Input } from '../../ui/field';
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

/** The captions and subtitles of a video: listed, added, changed, removed. */
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
      <CardItems query={found} items={found.data?.items} lines={1} empty="There are none.">
        {(tracks) => (
          <Table label="Text" head={['Language', 'Name', 'Kind', 'Texts', 'Size', '']}>
            {tracks.map((track) => (
              <TextLine
                key={track.id}
                asset={asset}
                handle={handle}
                track={track}
                isFirst={tracks.length === 1}
                mayChange={mayChange}
              />
            ))}
          </Table>
        )}
      </CardItems>
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
  isFirst: boolean;
  mayChange: boolean;
}

function TextLine({ asset, handle, track, isFirst, mayChange }: TextLineProps) {
  const deed = useDeed();
  const [asked, setAsked] = useState(false);
  const [changing, setChanging] = useState(false);
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
            <>
              <Button size="sm" variant="ghost" aria-label={`Change ${track.name}`} onClick={() => setChanging(true)}>
                Change
              </Button>
              <Button size="sm" variant="danger" aria-label={`Remove ${track.name}`} onClick={() => setAsked(true)}>
                Remove
              </Button>
            </>
          )}
        </div>
        <Dialog open={changing} onOpenChange={setChanging} title="Change what is said of it">
          <ChangedText asset={asset} track={track} isFirst={isFirst} onDone={() => setChanging(false)} />
        </Dialog>
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

/** What is said of a text, as it is typed. */
interface Said {
  language: string;
  name: string;
  kind: Kind;
  default: boolean;
}

const UNSAID: Said = { language: '', name: '', kind: 'subtitles', default: false };

interface SaidFormProps {
  before: Said;
  /** Whether the video has no other text. */
  isFirst: boolean;
  action: string;
  /** Gets what was typed; gives why it was refused, or null. */
  onSend: (said: Said) => Promise<string | null>;
  /** Stands before it, and may say something of the text. */
  children?: (say: (part: Partial<Said>) => void, said: Said) => ReactNode;
}

function SaidForm({ before, isFirst, action, onSend, children }: SaidFormProps) {
  const [said, setSaid] = useState(before);
  const [problem, setProblem] = useState('');
  const say = (part: Partial<Said>) => setSaid((now) => ({ ...now, ...part }));
  const [send] = useOnce(async () => {
    setProblem('');
    const refused = await onSend({ ...said, language: said.language.trim(), name: said.name.trim() });
    if (refused !== null) setProblem(refused);
  });
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    send();
  };
  const called = language(said.language.trim());
  const isKnown = said.language !== '' && called !== said.language.trim();
  return (
    <form onSubmit={onSubmit} className="grid grid-cols-1 gap-4">
      {children?.(say, said)}
      <Field label="Language" hint={isKnown ? called : 'A tag such as en, pt-BR or zh-Hant.'}>
        {(field) => (
          <Input
            {...field}
            required
            maxLength={63}
            spellCheck={false}
            autoCapitalize="none"
            value={said.language}
            onChange={(event) => say({ language: event.target.value })}
          />
        )}
      </Field>
      <Field label="Name" hint="What viewers choose it by; its language where it is left out.">
        {(field) => (
          <Input
            {...field}
            dir="auto"
            maxLength={200}
            value={said.name}
            onChange={(event) => say({ name: event.target.value })}
          />
        )}
      </Field>
      <Choice label="Kind" value={said.kind} options={KINDS} onChange={(kind) => say({ kind })} />
      <CheckField
        label={isFirst ? 'Show it unless a viewer chooses' : 'Show it, and no other, unless a viewer chooses'}
        checked={said.default}
        onChange={(isDefault) => say({ default: isDefault })}
      />
      {problem && (
        <p role="alert" className="text-destructive">
          {problem}
        </p>
      )}
      <Button type="submit" variant="primary" className="justify-self-start">
        {action}
      </Button>
    </form>
  );
}

/** Does something to a text, and gives why that was refused, in the server's words; null where it was done. */
function useTextDeed(): (request: Parameters<ReturnType<typeof useDeed>>[0], done: string) => Promise<string | null> {
  const deed = useDeed();
  return async (request, done) => {
    let refused: string | null = null;
    const refuse = (error: unknown) => {
      refused = told(error).detail;
    };
    await deed(request, { done, touches: TOUCHES, refuse });
    return refused;
  };
}

function NewText({ asset, isFirst, onDone }: { asset: Asset; isFirst: boolean; onDone: () => void }) {
  const deed = useTextDeed();
  const [file, setFile] = useState<File | null>(null);
  const add = async (query: Said) => {
    if (!file) return null;
    const post = () =>
      http.POST(PATH, {
        params: { path: { asset_id: asset.id }, query },
        headers: { 'Content-Type': file.type || 'application/octet-stream' },
        body: file as never,
        bodySerializer: (body: unknown) => body as File,
      });
    const refused = await deed(post, 'Viewers can choose it now.');
    if (refused === null) onDone();
    return refused;
  };
  return (
    <SaidForm before={UNSAID} isFirst={isFirst} action="Add it" onSend={add}>
      {(say, said) => (
        <Field label="File">
          {(field) => (
            <Input
              {...field}
              type="file"
              required
              accept=".vtt,.srt,text/vtt,application/x-subrip"
              className="py-1.5"
              onChange={(event) => {
                const chosen = event.target.files?.[0];
                setFile(chosen ?? null);
                if (chosen && said.language === '') say({ language: languageOfFile(chosen.name) });
              }}
            />
          )}
        </Field>
      )}
    </SaidForm>
  );
}

interface ChangedTextProps {
  asset: Asset;
  track: TextTrack;
  isFirst: boolean;
  onDone: () => void;
}

function ChangedText({ asset, track, isFirst, onDone }: ChangedTextProps) {
  const deed = useTextDeed();
  const path = { asset_id: asset.id, track_id: track.id };
  const change = async (body: Said) => {
    const patch = () => http.PATCH('/api/v1/assets/{asset_id}/tracks/{track_id}', { params: { path }, body });
    const refused = await deed(patch, 'Saved.');
    if (refused === null) onDone();
    return refused;
  };
  const before = { language: track.language, name: track.name, kind: track.kind, default: track.default };
  return <SaidForm before={before} isFirst={isFirst} action="Save" onSend={change} />;
}
