import { Link } from '@tanstack/react-router';
import { CircleCheck, Link2, Pause, Play, RotateCcw, Trash2, Upload as UploadIcon, X } from 'lucide-react';
import { type ComponentProps, type DragEvent, type FormEvent, useRef, useState, useSyncExternalStore } from 'react';
import { api, http, type Schemas } from '../../api/client';
import { told } from '../../api/problem';
import { say, sayProblem } from '../../app/messages';
import { useMay } from '../../app/session';
import { bytes, percent, took } from '../../app/words';
import { Button } from '../../ui/button';
import { Card, CardBody, CardHead } from '../../ui/card';
import { cn } from '../../ui/cn';
import { Confirm } from '../../ui/dialog';
import { Choice, Field, Input } from '../../ui/field';
import { Page } from '../../ui/page';
import { Progress } from '../../ui/progress';
import { Denied } from '../../ui/states';
import { plays } from '../videos/asset';
import { Status } from '../videos/status';
import { filesOf, looksPlayable } from './dropped';
import { type Chosen, jobOf, POLICIES, PRESET_LABELS, PRIORITIES, USUAL } from './options';
import { type Item, uploads } from './queue';
import { begun, forgetFile } from './remembered';

/** Brings videos here: files, folders, addresses. */
export function UploadPage() {
  const [chosen, setChosen] = useState<Chosen>(USUAL);
  const items = useSyncExternalStore(uploads.subscribe, uploads.shown);
  const mayUpload = useMay('uploads:write');
  const add = (files: Iterable<File>) => uploads.add(files, jobOf(chosen));
  if (!mayUpload) {
    return (
      <Page title="Upload">
        <Denied>Ask an admin of the organization for a role that may upload.</Denied>
      </Page>
    );
  }
  return (
    <Page title="Upload" hint="A video can be watched seconds after its last byte; its other qualities follow.">
      <DropZone onFiles={add} />
      <div className="grid grid-cols-1 items-start gap-5 lg:grid-cols-2">
        <ByAddress chosen={chosen} />
        <Options chosen={chosen} onChange={setChosen} />
      </div>
      {items.length > 0 && (
        <Card>
          <CardHead title="On their way" />
          <ul aria-label="Uploads">
            {items.toReversed().map((item) => (
              <Line key={item.key} item={item} />
            ))}
          </ul>
        </Card>
      )}
      <Unfinished onFiles={add} shown={items} />
    </Page>
  );
}

function DropZone({ onFiles }: { onFiles: (files: Iterable<File>) => void }) {
  const [over, setOver] = useState(false);
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    void filesOf(event.dataTransfer).then(onFiles, sayProblem);
  };
  return (
    <section
      aria-label="Files"
      className={cn(
        'grid justify-items-center gap-3 rounded-xl border-2 border-dashed px-6 py-12 text-center transition-colors',
        over && 'border-primary bg-primary-soft',
      )}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <UploadIcon aria-hidden className="size-8 text-muted-foreground" />
      <p className="font-medium text-[15px]">Drop videos or folders here</p>
      <div className="flex flex-wrap justify-center gap-2">
        <Picker variant="primary" label="Choose files" name="Video files" onFiles={onFiles} accept={ACCEPTED} />
        <Picker
          label="Choose a folder"
          name="Folder of videos"
          onFiles={(files) => onFiles([...files].filter(looksPlayable))}
          {...OF_FOLDERS}
        />
      </div>
    </section>
  );
}

const ACCEPTED = 'video/*,audio/*,.mkv,.mxf,.ts,.mts,.flv,.wmv,.avi';
const OF_FOLDERS = { webkitdirectory: '' };

type PickerProps = Pick<ComponentProps<'input'>, 'accept'> &
  Pick<ComponentProps<typeof Button>, 'variant' | 'size'> & {
    label: string;
    /** What the field behind the button is called. */
    name: string;
    onFiles: (files: Iterable<File>) => void;
  };

/** A button that lets one choose files of this machine. */
function Picker({ label, name, onFiles, variant, size, ...input }: PickerProps) {
  const files = useRef<HTMLInputElement>(null);
  return (
    <>
      <Button variant={variant} size={size} onClick={() => files.current?.click()}>
        {label}
      </Button>
      <input
        {...input}
        ref={files}
        type="file"
        multiple
        hidden
        aria-label={name}
        onChange={(event) => {
          onFiles([...(event.target.files ?? [])]);
          event.target.value = '';
        }}
      />
    </>
  );
}

interface OptionsProps {
  chosen: Chosen;
  onChange: (chosen: Chosen) => void;
}

function Options({ chosen, onChange }: OptionsProps) {
  const change = (part: Partial<Chosen>) => onChange({ ...chosen, ...part });
  return (
    <Card>
      <CardHead title="What to make" hint="Of what is brought from now on." />
      <CardBody className="grid grid-cols-1 gap-4">
        <Choice
          label="Outputs"
          value={chosen.preset}
          options={PRESET_LABELS}
          onChange={(preset) => change({ preset })}
        />
        <div className="grid gap-4 sm:grid-cols-2">
          <Choice
            label="Who may watch"
            value={chosen.policy}
            options={POLICIES}
            onChange={(policy) => change({ policy })}
          />
          <Choice
            label="Priority"
            value={chosen.priority}
            options={PRIORITIES}
            onChange={(priority) => change({ priority })}
          />
        </div>
      </CardBody>
    </Card>
  );
}

function ByAddress({ chosen }: { chosen: Chosen }) {
  const [address, setAddress] = useState('');
  const [problem, setProblem] = useState<string>();
  const [assetId, setAssetId] = useState<string | null>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setProblem(undefined);
    const { data, error } = await http
      .POST('/api/v1/jobs', { body: { input: address.trim(), ...jobOf(chosen) } as never })
      .catch((wrong: unknown) => ({ data: undefined, error: wrong }));
    if (!data) {
      setProblem(told(error).detail);
      return;
    }
    setAddress('');
    setAssetId((data as Schemas['Job']).asset_id);
    say('The video is being fetched.');
  };
  return (
    <Card>
      <CardHead title="From an address" hint="The server fetches it." />
      <CardBody className="grid grid-cols-1 gap-4">
        <form onSubmit={(event) => void submit(event)} className="grid grid-cols-1 gap-4">
          <Field label="Address" problem={problem}>
            {(field) => (
              <Input
                {...field}
                type="url"
                required
                placeholder="https://…"
                value={address}
                onChange={(event) => setAddress(event.target.value)}
              />
            )}
          </Field>
          <Button type="submit" className="justify-self-start">
            <Link2 aria-hidden /> Fetch it
          </Button>
        </form>
        {assetId && <WatchLink assetId={assetId} />}
      </CardBody>
    </Card>
  );
}

function Line({ item }: { item: Item }) {
  const { key, name, sizeBytes, sentBytes, state } = item;
  const [asked, setAsked] = useState(false);
  const cancel = () => void uploads.cancel(key);
  return (
    <li className="grid grid-cols-1 gap-2 border-t px-5 py-3 first:border-0">
      <div className="flex items-center gap-3">
        <span className="min-w-0 flex-1 truncate font-medium" dir="auto" title={name}>
          {name}
        </span>
        {(state === 'sending' || state === 'waiting') && (
          <Button variant="ghost" size="icon-sm" aria-label={`Pause ${name}`} onClick={() => uploads.pause(key)}>
            <Pause />
          </Button>
        )}
        {state === 'paused' && (
          <Button variant="ghost" size="icon-sm" aria-label={`Go on with ${name}`} onClick={() => uploads.resume(key)}>
            <Play />
          </Button>
        )}
        {state === 'failed' && (
          <Button variant="ghost" size="icon-sm" aria-label={`Try ${name} again`} onClick={() => uploads.resume(key)}>
            <RotateCcw />
          </Button>
        )}
        {state === 'done' && <CircleCheck aria-label="Uploaded" className="size-5 text-ok" />}
        <Button
          variant="ghost"
          size="icon-sm"
          aria-label={state === 'done' ? `Take ${name} off the list` : `Give up ${name}`}
          onClick={() => (state === 'done' || sentBytes === 0 ? cancel() : setAsked(true))}
        >
          <X />
        </Button>
        <GiveUp open={asked} onOpenChange={setAsked} name={name} onConfirm={cancel} />
      </div>
      {state !== 'done' && (
        <Progress
          fraction={sizeBytes > 0 ? sentBytes / sizeBytes : 0}
          label={`Upload of ${name}`}
          tone={state === 'failed' ? 'danger' : 'accent'}
        />
      )}
      {state === 'done' && item.assetId ? (
        <WatchLink assetId={item.assetId} />
      ) : (
        <p className="text-[13px] text-muted-foreground [overflow-wrap:anywhere]">{words(item)}</p>
      )}
    </li>
  );
}

interface GiveUpProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  name: string;
  onConfirm: () => void;
}

function GiveUp({ name, ...confirm }: GiveUpProps) {
  return (
    <Confirm {...confirm} title="Give this upload up?" action="Give it up">
      What has arrived of <span dir="auto">{name}</span> is removed. To bring it later, it is sent from the beginning.
    </Confirm>
  );
}

/** Where an upload stands: how far, how quick, how long still. */
export function words({ state, sizeBytes, sentBytes, speed, problem }: Item): string {
  if (state === 'failed') return problem;
  const far = `${percent(sizeBytes > 0 ? sentBytes / sizeBytes : 1)} of ${bytes(sizeBytes)}`;
  if (state === 'waiting') return `Waits for its turn · ${bytes(sizeBytes)}`;
  if (state === 'paused') return `Paused · ${far}`;
  if (state === 'done') return `Uploaded · ${bytes(sizeBytes)}`;
  if (speed <= 0) return far;
  return `${far} · ${bytes(speed)}/s · ${took(((sizeBytes - sentBytes) / speed) * 1000)} left`;
}

/** What becomes of a video that has arrived, and the link to it as soon as it plays. */
function WatchLink({ assetId }: { assetId: string }) {
  const { data: asset } = api.useQuery(
    'get',
    '/api/v1/assets/{asset_id}',
    { params: { path: { asset_id: assetId } } },
    { refetchInterval: ({ state }) => (state.data && plays(state.data) ? false : 1_500) },
  );
  if (!asset) return null;
  return (
    <div className="flex flex-wrap items-center gap-3">
      <Status asset={asset} />
      <Button variant="link" size="none" asChild>
        <Link to="/videos/$assetId" params={{ assetId }}>
          {plays(asset) ? 'Watch it' : 'See how it goes'}
        </Link>
      </Button>
      {asset.error && (
        <span className="line-clamp-3 text-[13px] text-destructive [overflow-wrap:anywhere]" title={asset.error.detail}>
          {asset.error.detail}
        </span>
      )}
    </div>
  );
}

/** What was begun in this browser and is not on its way now: the page has lost the files, and asks for them again. */
function Unfinished({ onFiles, shown }: { onFiles: (files: Iterable<File>) => void; shown: readonly Item[] }) {
  const { data, refetch } = api.useQuery('get', '/api/v1/uploads', { params: { query: { limit: 100 } } });
  const [asked, setAsked] = useState<Schemas['Upload'] | null>(null);
  const known = begun();
  const names = new Set(
    shown.filter(({ state }) => state !== 'done').map(({ name, sizeBytes }) => `${name} ${sizeBytes}`),
  );
  const left = (data?.items ?? []).filter(
    ({ id, status, name, size_bytes }) =>
      status === 'uploading' && known.has(id) && !names.has(`${name} ${size_bytes}`),
  );
  if (left.length === 0) return null;
  const giveUp = async (id: string) => {
    const { error } = await http.DELETE('/api/v1/uploads/{upload_id}', { params: { path: { upload_id: id } } });
    if (error) sayProblem(error);
    forgetFile(id);
    await refetch();
  };
  return (
    <Card>
      <CardHead
        title="Not finished"
        hint="The page was loaded anew meanwhile. Choose the same files again: they go on where they were."
      >
        <Picker size="sm" label="Choose the files" name="Files to go on with" onFiles={onFiles} />
      </CardHead>
      <ul aria-label="Uploads that are not finished">
        {left.map((upload) => (
          <li key={upload.id} className="flex items-center gap-3 border-t px-5 py-2.5">
            <span className="min-w-0 flex-1 truncate" dir="auto">
              {upload.name}
            </span>
            <span className="text-[13px] text-muted-foreground tabular-nums">
              {bytes(upload.offset_bytes)} of {bytes(upload.size_bytes)}
            </span>
            <Button
              variant="ghost"
              size="icon-sm"
              aria-label={`Give up ${upload.name}`}
              onClick={() => setAsked(upload)}
            >
              <Trash2 />
            </Button>
          </li>
        ))}
      </ul>
      <GiveUp
        open={asked !== null}
        onOpenChange={() => setAsked(null)}
        name={asked?.name ?? ''}
        onConfirm={() => asked && void giveUp(asked.id)}
      />
    </Card>
  );
}
