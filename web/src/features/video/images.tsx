import { useQuery } from '@tanstack/react-query';
import { Download, TimerReset } from 'lucide-react';
import { useEffect, useState } from 'react';
import { api } from '../../api/client';
import { instead, told } from '../../api/problem';
import { say } from '../../app/messages';
import { useMay } from '../../app/session';
import { clock } from '../../app/words';
import { Button } from '../../ui/button';
import { Card, CardBody, CardHead } from '../../ui/card';
import { CopyField } from '../../ui/copy';
import { Field } from '../../ui/field';
import { Failed, Loading, Nothing } from '../../ui/states';
import { type Asset, plays } from '../videos/asset';
import { useChange } from './details';

const SETTLED_MS = 120;
const PICTURE = 'w-full rounded-lg bg-black object-contain';

interface ImagesProps {
  asset: Asset;
  /** What its addresses begin with; null while that is asked for. */
  handle: string | null;
  /** Where the player stands. */
  playerS: () => number;
}

/** Pictures of the video: its poster, which may be any moment, the storyboard, the moving preview. */
export function Images({ asset, handle, playerS }: ImagesProps) {
  const maySign = useMay('assets:write');
  const init = { params: { path: { asset_id: asset.id } } };
  const outputs = api.useQuery('get', '/api/v1/assets/{asset_id}/outputs', init);
  if (!plays(asset) || asset.width_px === null) {
    return <Nothing title="No pictures here">They come with the video, where it has a picture.</Nothing>;
  }
  if (asset.playback_policy !== 'public' && !maySign) {
    return <Nothing title="Not for you">A private video is shown to who has a signed link.</Nothing>;
  }
  if (handle === null) return <Loading />;
  const wrong = instead(outputs);
  const made = new Set(outputs.data?.items.filter(({ ready }) => ready).map(({ type }) => type));
  return (
    <div className="grid grid-cols-1 items-start gap-5 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
      <Poster asset={asset} folder={`/image/${handle}`} playerS={playerS} />
      <div className="grid grid-cols-1 gap-5">
        {wrong !== null && <Failed error={wrong} onRetry={() => void outputs.refetch()} />}
        {made.has('preview') && <Preview asset={asset} folder={`/image/${handle}`} />}
        {made.has('storyboard') && <Storyboard asset={asset} folder={`/image/${handle}`} />}
      </div>
    </div>
  );
}

/** A value, once it has stood for a moment: what is passed by on the way is not asked for. */
function useSettled<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = window.setTimeout(() => setSettled(value), SETTLED_MS);
    return () => window.clearTimeout(timer);
  }, [value]);
  return settled;
}

interface PartProps {
  asset: Asset;
  /** The folder of its pictures, as this page may fetch them. */
  folder: string;
}

function Poster({ asset, folder, playerS }: PartProps & Pick<ImagesProps, 'playerS'>) {
  const change = useChange(asset);
  const mayChange = useMay('assets:write');
  const lastS = (asset.duration_ms ?? 0) / 1000;
  const [seconds, setSeconds] = useState(() => playerS() || (asset.poster_time_ms ?? 0) / 1000);
  const shownS = useSettled(seconds);
  const choose = async (timeMs: number | null) => {
    const problem = await change({ poster_time_ms: timeMs }).catch((error) => told(error).detail);
    if (problem !== null) say(problem, undefined, 'error');
    else say(timeMs === null ? 'The poster is chosen by itself again.' : `The poster is the picture at ${at(timeMs)}.`);
  };
  const query = `?time=${shownS.toFixed(2)}`;
  const chosenMs = asset.poster_time_ms;
  return (
    <Card>
      <CardHead
        title="Poster"
        hint={chosenMs === null ? 'Chosen by itself. Any other moment can be.' : `The picture at ${at(chosenMs)}.`}
      >
        <img
          src={`${folder}/thumbnail.jpg?width=160${chosenMs === null ? '' : `&time=${chosenMs / 1000}`}`}
          alt="The poster now"
          className="h-12 rounded-md bg-black object-contain"
        />
      </CardHead>
      <CardBody className="grid grid-cols-1 gap-4">
        <img
          src={`${folder}/thumbnail.jpg${query}&width=640`}
          alt={`The video at ${at(shownS * 1000)}`}
          className={`aspect-video ${PICTURE}`}
        />
        <Field label={`At ${at(seconds * 1000)}`}>
          {(field) => (
            <input
              {...field}
              type="range"
              min={0}
              max={lastS}
              step={0.1}
              value={seconds}
              aria-valuetext={at(seconds * 1000)}
              className="w-full accent-primary"
              onChange={(event) => setSeconds(Number(event.target.value))}
            />
          )}
        </Field>
        <div className="flex flex-wrap gap-2">
          {mayChange && (
            <Button variant="primary" onClick={() => void choose(Math.round(seconds * 1000))}>
              Use this frame
            </Button>
          )}
          <Button onClick={() => setSeconds(Math.min(playerS(), lastS))}>
            <TimerReset aria-hidden /> Where the player is
          </Button>
          {mayChange && chosenMs !== null && <Button onClick={() => void choose(null)}>Chosen by itself</Button>}
          <Button asChild>
            <a href={`${folder}/thumbnail.jpg${query}`} download>
              <Download aria-hidden /> Download
            </a>
          </Button>
        </div>
        <Addresses asset={asset} addresses={{ Poster: 'thumbnail.jpg', 'This frame': `thumbnail.jpg${query}` }} />
      </CardBody>
    </Card>
  );
}

/** `1:05.4`: a moment, as exact as it can be chosen. */
function at(ms: number): string {
  const tenths = Math.round(ms / 100);
  return `${clock(Math.floor(tenths / 10) * 1000)}.${tenths % 10}`;
}

/** Addresses for other pages; those of a private video open nothing without a pass, which is given elsewhere. */
function Addresses({ asset, addresses }: { asset: Asset; addresses: Record<string, string> }) {
  if (asset.playback_policy !== 'public') {
    return <p className="text-[13px] text-muted-foreground">Others see it by a signed link, from the tab Sharing.</p>;
  }
  return Object.entries(addresses).map(([label, name]) => (
    <CopyField key={label} label={label} value={new URL(name, asset.urls.thumbnail).href} />
  ));
}

function Preview({ asset, folder }: PartProps) {
  return (
    <Card>
      <CardHead title="Moving preview" />
      <CardBody className="grid grid-cols-1 gap-4">
        <img src={`${folder}/preview.webp`} alt="Moments of the video, moving" className={`aspect-video ${PICTURE}`} />
        <Addresses asset={asset} addresses={{ 'Address of the preview': 'preview.webp' }} />
      </CardBody>
    </Card>
  );
}

async function sheetsOf(folder: string): Promise<string[]> {
  const answer = await fetch(`${folder}/storyboard.json`);
  if (!answer.ok) throw await answer.json();
  const { tiles } = (await answer.json()) as { tiles: { sheet: string }[] };
  return [...new Set(tiles.map(({ sheet }) => sheet))];
}

// Who has a keyboard alone has to be able to scroll it.
const SCROLLS_BY_KEY = { tabIndex: 0 };

function Storyboard({ asset, folder }: PartProps) {
  const { data: sheets = [] } = useQuery({ queryKey: ['storyboard', folder], queryFn: () => sheetsOf(folder) });
  return (
    <Card>
      <CardHead title="Storyboard" hint="Small pictures for the seek bar." />
      <CardBody className="grid grid-cols-1 gap-4">
        <section
          aria-label="Sheets of the storyboard"
          className="grid max-h-80 gap-2 overflow-y-auto rounded-lg"
          {...SCROLLS_BY_KEY}
        >
          {sheets.map((sheet, place) => (
            <img
              key={sheet}
              src={`${folder}/${sheet}`}
              alt={`Sheet ${place + 1} of ${sheets.length}`}
              loading="lazy"
              className={PICTURE}
            />
          ))}
        </section>
        <Addresses asset={asset} addresses={{ WebVTT: 'storyboard.vtt', JSON: 'storyboard.json' }} />
      </CardBody>
    </Card>
  );
}
