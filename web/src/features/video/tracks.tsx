import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { http } from '../../api/client';
import { instead } from '../../api/problem';
import { bytes } from '../../app/words';
import { Card, CardBody, CardHead } from '../../ui/card';
import { Failed, Loading } from '../../ui/states';
import { Cell, Table } from '../../ui/table';
import { sizeInWords } from '../../watch/words';
import type { Asset } from '../videos/asset';
import { Texts } from './texts';
import { bitrate, channels, codecName, language } from './track-words';

interface Track {
  name: string;
  codec: string;
  size_bytes: number;
  average_bps: number;
  peak_bps: number;
}

interface VideoTrack extends Track {
  kind: 'video';
  width: number;
  height: number;
  frame_rate: number;
  video_range: string;
}

interface AudioTrack extends Track {
  kind: 'audio';
  language: string;
  title: string;
  channels: number;
}

/** The tracks that players are offered, and those of the source. */
export function Tracks({ asset, handle }: { asset: Asset; handle: string | null }) {
  return (
    <div className="grid grid-cols-1 gap-5">
      {asset.status === 'ready' ? <Made asset={asset} handle={handle} /> : <ToCome asset={asset} />}
      <Texts asset={asset} handle={handle} />
      <Source asset={asset} />
    </div>
  );
}

function ToCome({ asset }: { asset: Asset }) {
  const why =
    asset.status === 'errored'
      ? 'The job came to nothing, so there are none.'
      : 'They are listed with their sizes when all of them are made.';
  return (
    <Card>
      <CardHead title="Renditions" />
      <CardBody className="text-muted-foreground">{why}</CardBody>
    </Card>
  );
}

async function tracksOf(handle: string): Promise<(VideoTrack | AudioTrack)[]> {
  const path = { playback_id: handle };
  const { data, error, response } = await http.GET('/stream/{playback_id}/manifest.json', { params: { path } });
  if (response.status === 404) return []; // no streams were asked for
  if (!data) throw error;
  return data.tracks as (VideoTrack | AudioTrack)[];
}

function Made({ asset, handle }: { asset: Asset; handle: string | null }) {
  const found = useQuery({
    queryKey: ['tracks', handle, asset.updated_at],
    queryFn: () => tracksOf(handle ?? ''),
    enabled: handle !== null,
  });
  const wrong = instead(found);
  if (wrong) return <Failed error={wrong} onRetry={() => void found.refetch()} />;
  if (!found.data) return <Loading />;
  const videos = found.data.filter((track) => track.kind === 'video');
  const sounds = found.data.filter((track) => track.kind === 'audio');
  if (videos.length + sounds.length === 0) {
    return (
      <Card>
        <CardHead title="Renditions" />
        <CardBody className="text-muted-foreground">No streams were asked for.</CardBody>
      </Card>
    );
  }
  return (
    <>
      {videos.length > 0 && <Renditions tracks={videos} />}
      {sounds.length > 0 && <Sounds tracks={sounds} />}
    </>
  );
}

function Renditions({ tracks }: { tracks: readonly VideoTrack[] }) {
  return (
    <Card>
      <CardHead title="Renditions" hint="What players choose from, by the room that there is on the line." />
      <Table label="Renditions" head={['Quality', 'Pixels', 'Codec', 'Frames a second', 'Bitrate', 'Size']}>
        {tracks.map((track) => (
          <tr key={track.name}>
            <Cell className="whitespace-nowrap font-medium">
              {sizeInWords(track.width, track.height)}
              {track.video_range === 'SDR' ? '' : ` ${track.video_range}`}
            </Cell>
            <Quiet>{`${track.width} × ${track.height}`}</Quiet>
            <Codec track={track} />
            <Quiet>{Math.round(track.frame_rate * 1000) / 1000}</Quiet>
            <Bitrate track={track} />
            <Quiet>{bytes(track.size_bytes)}</Quiet>
          </tr>
        ))}
      </Table>
    </Card>
  );
}

function Sounds({ tracks }: { tracks: readonly AudioTrack[] }) {
  return (
    <Card>
      <CardHead title="Sound" />
      <Table label="Sound" head={['Language', 'Title', 'Channels', 'Codec', 'Bitrate', 'Size']}>
        {tracks.map((track) => (
          <tr key={track.name}>
            <Cell className="whitespace-nowrap font-medium">{language(track.language)}</Cell>
            <Cell className="min-w-32 text-muted-foreground [overflow-wrap:anywhere]" dir="auto">
              {track.title || '–'}
            </Cell>
            <Quiet>{channels(track.channels)}</Quiet>
            <Codec track={track} />
            <Bitrate track={track} />
            <Quiet>{bytes(track.size_bytes)}</Quiet>
          </tr>
        ))}
      </Table>
    </Card>
  );
}

function Quiet({ children }: { children: ReactNode }) {
  return <Cell className="whitespace-nowrap text-muted-foreground tabular-nums">{children}</Cell>;
}

function Codec({ track }: { track: Track }) {
  return (
    <Quiet>
      {codecName(track.codec)} <span className="font-mono text-[12px]">{track.codec}</span>
    </Quiet>
  );
}

function Bitrate({ track }: { track: Track }) {
  return (
    <Quiet>
      {bitrate(track.average_bps)} <span className="text-[13px]">(at most {bitrate(track.peak_bps)})</span>
    </Quiet>
  );
}

interface SourceFacts {
  container?: string;
  size_bytes?: number;
  bitrate_bps?: number | null;
  video?: { codec: string; profile?: string; rotation?: number; hdr?: boolean; interlaced?: boolean } | null;
  audio?: { codec: string; channels: number; sample_rate: number; language: string }[];
}

/** What came in. */
function Source({ asset }: { asset: Asset }) {
  if (asset.facts === null) return null;
  const facts = asset.facts as SourceFacts;
  const whole = [
    facts.container,
    facts.size_bytes ? bytes(facts.size_bytes) : '',
    facts.bitrate_bps ? bitrate(facts.bitrate_bps) : '',
  ];
  return (
    <Card>
      <CardHead title="Source" hint={whole.filter(Boolean).join(', ')} />
      <Table label="Source" head={['Track', 'Codec', 'What it is']}>
        {facts.video && (
          <tr>
            <Cell className="font-medium">Picture</Cell>
            <Quiet>{[facts.video.codec, facts.video.profile].filter(Boolean).join(', ')}</Quiet>
            <Cell className="text-muted-foreground">{pictureWords(asset, facts.video)}</Cell>
          </tr>
        )}
        {facts.audio?.map((sound, place) => (
          <tr key={`${place} ${sound.language}`}>
            <Cell className="whitespace-nowrap font-medium">Sound {place + 1}</Cell>
            <Quiet>{sound.codec}</Quiet>
            <Cell className="text-muted-foreground">
              {[language(sound.language), channels(sound.channels), `${sound.sample_rate / 1000} kHz`].join(', ')}
            </Cell>
          </tr>
        ))}
      </Table>
    </Card>
  );
}

function pictureWords(asset: Asset, video: NonNullable<SourceFacts['video']>): string {
  return [
    asset.width_px ? `${asset.width_px} × ${asset.height_px}` : '',
    asset.frame_rate ? `${Math.round(asset.frame_rate * 1000) / 1000} frames a second` : '',
    video.rotation ? `turned by ${video.rotation}°` : '',
    video.hdr ? 'HDR' : '',
    video.interlaced ? 'interlaced' : '',
  ]
    .filter(Boolean)
    .join(', ');
}
