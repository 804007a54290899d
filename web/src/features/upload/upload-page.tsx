import { useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { CircleCheck, Link2, Pause, Play, RotateCcw, Trash2, Upload as UploadIcon, X } from 'lucide-react';
import {
  type ComponentProps,
  type DragEvent,
  type FormEvent,
  memo,
  useCallback,
  useEffect,
  useRef,
  useState,
  useSyncExternalStore,
} from 'react';
import { api, http, type Schemas } from '../../api/client';
import { told } from '../../api/problem';
import { useDeed } from '../../app/deed';
import { useEvents } from '../../app/live-context';
import { say, sayProblem } from '../../app/messages';
import { useOnce } from '../../app/once';
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
import { isUnderWay, plays } from '../videos/asset';
import { takeEvent } from '../videos/list';
import { Status } from '../videos/status';
import { filesOf, looksPlayable } from './dropped';
import { type Chosen, jobOf, POLICIES, PRESET_LABELS, PRIORITIES, USUAL } from './options';
import { type Item, uploads } from './queue';
import { begun, forgetFile } from './remembered';

const FOLLOWED = 20;

/** Brings videos here: files, folders, addresses. */
export function UploadPage() {
  const [chosen, setChosen] = useState<Chosen>(USUAL);
  const items = useSyncExternalStore(uploads.subscribe, uploads.shown);
  const mayUpload = useMay('uploads:write');
  const mayBegin = useMay('jobs:write');
  const queries = useQueryClient();
  useEvents(useCallback((event) => void takeEvent(queries, event), [queries]));
  useKeptPage();
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
        {mayBegin && <ByAddress chosen={chosen} />}
        <Options chosen={chosen} onChange={setChosen} />
      </div>
      {items.length > 0 && (
        <Card>
          <CardHead title="On their way" />
          <ul aria-label="Uploads">
            {items.toReversed().map((item, place) => (
              <Line key={item.key} item={item} isFollowed={place < FOLLOWED} />
            ))}
          </ul>
        </Card>
      )}
      <Unfinished onFiles={add} shown={items} />
    </Page>
  );
}

/** Files that are dropped beside the place for them do nothing: the browser would leave the page, and all uploads, for them. */
function useKeptPage(): void {
  useEffect(() => {
    const keep = (event: globalThis.DragEvent) => {
      if (event.defaultPrevented || !event.dataTransfer?.types.includes('Files')) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = 'none';
    };
    window.addEventListener('dragover', keep);
    window.addEventListener('drop', keep);
    return () => {
      window.removeEventListener('dragover', keep);
      window.removeEventListener('drop', keep);
    };
  }, []);
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
        'grid justify-items-center gap-3 rounded-xl border-2 border-dashed px-6 py-12 text-center',
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
  const [submit] = useOnce(async () => {
    setProblem(undefined);
    const { data, error } = await http
      .POST('/api/v1/jobs', { body: { input: address.trim(), ...jobOf(chosen) } as never })
      .catch((wrong: unknown) => ({ data: undefined, error: wrong }));
    if (!data) {
      setProblem(told(error).detail);
      return;
    }
    setAddress((now) => (now === address ? '' : now));
    setAssetId((data as Schemas['Job']).asset_id);
    say('The video is being fetched.');
  });
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    submit();
  };
  return (
    <Card>
      <CardHead title="From an address" hint="The server fetches it." />
      <CardBody className="grid grid-cols-1 gap-4">
        <form onSubmit={onSubmit} className="grid grid-cols-1 gap-4">
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

interface LineProps {
  item: Item;
  /** Whether it is asked what becomes of the video: of the newest alone, for a folder may hold thousands. */
  isFollowed: boolean;
}

// What goes on with one file draws that line anew, and no other.
const Line = memo(function Line({ item, isFollowed }: LineProps) {
  const { key, name, sizeBytes, sentBytes, state } = item;
  const [asked, setAsked] = useState(false);
  const cancel = () => void uploads.cancel(key).catch(sayProblem);
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
        {state === 'done' && <CircleCheck role="img" aria-label="Uploaded" className="size-5 text-ok" />}
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
        isFollowed ? (
          <WatchLink assetId={item.assetId} />
        ) : (
          <VideoLink assetId={item.assetId}>See how it goes</VideoLink>
        )
      ) : (
        <p className="text-[13px] text-muted-foreground [overflow-wrap:anywhere]">{words(item)}</p>
      )}
    </li>
  );
});

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

const LOOK_MS = 1_500;

function VideoLink({ assetId, children }: { assetId: string; children: string }) {
  return (
    <Button variant="link" size="none" className="justify-self-start" asChild>
      <Link to="/videos/$assetId" params={{ assetId }}>
        {children}
      </Link>
    </Button>
  );
}

/** What becomes of a video that has arrived, and the link to it as soon as it plays. */
function WatchLink({ assetId }: { assetId: string }) {
  const { data: asset } = api.useQuery(
    'get',
    '/api/v1/assets/{asset_id}',
    { params: { path: { asset_id: assetId } } },
    { refetchInterval: ({ state: { data } }) => (data && (plays(data) || !isUnderWay(data)) ? false : LOOK_MS) },
  );
  if (!asset) return null;
  return (
    <div className="flex flex-wrap items-center gap-3">
      <Status asset={asset} />
      <VideoLink assetId={assetId}>{plays(asset) ? 'Watch it' : 'See how it goes'}</VideoLink>
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
  const { data } = api.useQuery('get', '/api/v1/uploads', { params: { query: { limit: 100 } } });
  const deed = useDeed();
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
    const params = { path: { upload_id: id } };
    // What stays there is still known here: nothing else would tell of it.
    if (await deed(() => http.DELETE('/api/v1/uploads/{upload_id}', { params }), { touches: ['/api/v1/uploads'] }))
      forgetFile(id);
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
