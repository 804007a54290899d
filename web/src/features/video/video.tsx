import { type QueryKey, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { ArrowLeft, ExternalLink, Trash2 } from 'lucide-react';
import { Suspense, useCallback, useRef, useState } from 'react';
import { api } from '../../api/client';
import { instead } from '../../api/problem';
import type { LiveEvent } from '../../app/live';
import { useEvents } from '../../app/live-context';
import { part } from '../../app/part';
import { renew } from '../../app/renew';
import { useMay } from '../../app/session';
import { clock } from '../../app/words';
import { Button } from '../../ui/button';
import { Page } from '../../ui/page';
import { Failed, Loading } from '../../ui/states';
import { TabPanel, Tabs } from '../../ui/tabs';
import { Ago } from '../../ui/time';
import { type Asset, pathOf, plays, titleOf } from '../videos/asset';
import { useDeeds } from '../videos/deeds';
import { Status } from '../videos/status';
import { Details } from './details';
import { Files } from './files';
import { Frames } from './frames';
import { useHandle } from './handle';
import { Images } from './images';
import { Sharing } from './sharing';
import { VIDEO_TABS, type VideoTab } from './tabs';
import { Tracks } from './tracks';

const VideoPlayer = part(() => import('./player'), { ahead: false });
const Processing = part(() => import('./processing'));

const LABELS: Record<VideoTab, string> = {
  details: 'Details',
  sharing: 'Sharing',
  files: 'Files',
  tracks: 'Tracks',
  images: 'Images',
  frames: 'Frames',
  processing: 'Processing',
};

interface VideoProps {
  assetId: string;
  tab: VideoTab;
  onTab: (tab: VideoTab) => void;
}

/** One video: it plays, and what it has, who may see it, and how it was made. */
export function Video({ assetId, tab, onTab }: VideoProps) {
  const query = api.queryOptions('get', '/api/v1/assets/{asset_id}', { params: { path: { asset_id: assetId } } });
  const found = useQuery({ ...query, meta: { follows: 'asset.' } });
  useRenewal(query.queryKey, assetId);
  const wrong = instead(found);
  if (wrong || !found.data) {
    return (
      <Page title="Video">
        {wrong ? (
          <Failed error={wrong} onRetry={() => void found.refetch()} />
        ) : (
          <Loading lines={8} label="The video is loading" />
        )}
      </Page>
    );
  }
  return <Found asset={found.data} tab={tab} onTab={onTab} />;
}

/** Asks for a video anew with each event of it. */
function useRenewal(queryKey: QueryKey, assetId: string): void {
  const queries = useQueryClient();
  const latest = useRef(queryKey);
  latest.current = queryKey;
  useEvents(
    useCallback(
      ({ subjectId }: LiveEvent) => {
        if (subjectId === assetId) renew(queries, { queryKey: latest.current, exact: true });
      },
      [queries, assetId],
    ),
  );
}

function Found({ asset, tab, onTab }: { asset: Asset } & Omit<VideoProps, 'assetId'>) {
  const seconds = useRef(0);
  const handle = useHandle(asset);
  const texts = useTextChanges(asset.id);
  return (
    <Page title={titleOf(asset)} heading={<Heading asset={asset} />} actions={<Actions asset={asset} />}>
      <Stage asset={asset} handle={handle} texts={texts} onTime={(at) => (seconds.current = at)} />
      <Tabs
        label="About the video"
        value={tab}
        onChange={(next) => onTab(next as VideoTab)}
        tabs={VIDEO_TABS.map((value) => ({ value, label: LABELS[value] }))}
      >
        <TabPanel value="details">
          <Details asset={asset} />
        </TabPanel>
        <TabPanel value="sharing">
          <Sharing asset={asset} />
        </TabPanel>
        <TabPanel value="files">
          <Files asset={asset} handle={handle} />
        </TabPanel>
        <TabPanel value="tracks">
          <Tracks asset={asset} handle={handle} />
        </TabPanel>
        <TabPanel value="images">
          <Images asset={asset} handle={handle} playerS={() => seconds.current} />
        </TabPanel>
        <TabPanel value="frames">
          <Frames asset={asset} />
        </TabPanel>
        <TabPanel value="processing">
          <Suspense fallback={<Loading />}>
            <Processing asset={asset} />
          </Suspense>
        </TabPanel>
      </Tabs>
    </Page>
  );
}

/** How often its captions and subtitles were changed while one looks. */
function useTextChanges(assetId: string): number {
  const [changes, setChanges] = useState(0);
  const count = useCallback(
    ({ type, subjectId, data }: LiveEvent) => {
      if (subjectId === assetId && type.startsWith('track.') && data.kind === 'text')
        setChanges((before) => before + 1);
    },
    [assetId],
  );
  useEvents(count);
  return changes;
}

function Heading({ asset }: { asset: Asset }) {
  const size = asset.width_px ? `${asset.width_px} × ${asset.height_px}` : '';
  return (
    <div className="grid gap-1.5">
      <Link
        to="/videos"
        className="inline-flex items-center gap-1 text-muted-foreground no-underline hover:text-foreground"
      >
        <ArrowLeft aria-hidden className="size-4" /> Videos
      </Link>
      <h1 className="line-clamp-3 font-semibold text-xl tracking-tight [overflow-wrap:anywhere]" dir="auto">
        {titleOf(asset)}
      </h1>
      <div className="flex flex-wrap items-center gap-x-4 gap-y-1 text-muted-foreground">
        <Status asset={asset} />
        {asset.duration_ms !== null && <span className="tabular-nums">{clock(asset.duration_ms)}</span>}
        {size && <span>{size}</span>}
        <Ago time={asset.created_at} />
      </div>
      {asset.error && (
        <p
          role="alert"
          className="mt-1 max-w-2xl rounded-lg bg-destructive-soft px-3 py-2 text-destructive [overflow-wrap:anywhere]"
        >
          <span className="line-clamp-4">{asset.error.detail}</span>
          <span className="font-mono text-[12px]">{asset.error.code}</span>
        </p>
      )}
    </div>
  );
}

function Actions({ asset }: { asset: Asset }) {
  const { remove } = useDeeds();
  const mayChange = useMay('assets:write');
  const navigate = useNavigate();
  const deleteIt = () => {
    void navigate({ to: '/videos' });
    void remove([asset]);
  };
  return (
    <>
      {plays(asset) && (
        <Button asChild>
          <a href={pathOf(asset.urls.watch)} target="_blank" rel="noreferrer">
            <ExternalLink aria-hidden /> Watch page
          </a>
        </Button>
      )}
      {mayChange && (
        <Button variant="destructive" onClick={deleteIt}>
          <Trash2 aria-hidden /> Delete
        </Button>
      )}
    </>
  );
}

interface StageProps {
  asset: Asset;
  handle: string | null;
  texts: number;
  onTime: (seconds: number) => void;
}

/** The picture, in the video's shape; nothing where it failed before there was one. */
function Stage({ asset, handle, texts, onTime }: StageProps) {
  if (asset.status === 'errored') return null;
  const ratio = asset.width_px && asset.height_px ? asset.width_px / asset.height_px : 16 / 9;
  return (
    <div
      className="mx-auto w-full overflow-hidden rounded-xl bg-black"
      style={{ aspectRatio: ratio, maxWidth: `calc(62dvh * ${ratio})` }}
    >
      <Suspense>
        {handle && (
          <VideoPlayer
            key={asset.job_id}
            handle={handle}
            posterMs={asset.poster_time_ms}
            texts={texts}
            onTime={onTime}
          />
        )}
      </Suspense>
    </div>
  );
}
