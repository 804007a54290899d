import { api, type Schemas } from '../../api/client';
import { bytes } from '../../app/words';
import { Badge } from '../../ui/badge';
import { Card } from '../../ui/card';
import { CopyButton } from '../../ui/copy';
import { Failed, Loading, Nothing } from '../../ui/states';
import { Cell, Table } from '../../ui/table';
import { type Asset, pathOf } from '../videos/asset';
import { Download } from './download';

type Output = Schemas['Output'];

const NAMES: Record<Output['type'], string> = {
  hls: 'HLS stream',
  dash: 'DASH stream',
  mp4: 'MP4 file',
  audio: 'Sound alone',
  frames: 'Frames, as a ZIP',
  thumbnail: 'Poster',
  storyboard: 'Storyboard',
  preview: 'Moving preview',
  manifest: 'Manifest',
  text: 'Captions or subtitles',
};

/** Everything that was made of the video, with where it is. */
export function Files({ asset, handle }: { asset: Asset; handle: string | null }) {
  const found = api.useQuery('get', '/api/v1/assets/{asset_id}/outputs', { params: { path: { asset_id: asset.id } } });
  if (found.isPending) return <Loading />;
  if (found.isError) return <Failed error={found.error} onRetry={() => void found.refetch()} />;
  if (found.data.items.length === 0) return <Nothing title="Nothing was made of it yet" />;
  return (
    <Card>
      <Table label="Files" head={['What', 'Size', 'State', '']}>
        {found.data.items.map((output) => (
          <tr key={`${output.type} ${output.url}`}>
            <Cell className="whitespace-nowrap font-medium">{NAMES[output.type]}</Cell>
            <Cell className="whitespace-nowrap text-muted-foreground tabular-nums">{bytes(output.size_bytes)}</Cell>
            <Cell>
              <Badge tone={output.ready ? 'ok' : 'accent'}>{output.ready ? 'Ready' : 'To come'}</Badge>
            </Cell>
            <Cell>
              <div className="flex justify-end gap-1">
                {output.ready && (
                  <Download
                    path={pathOf(output.url).replace(asset.playback_id, handle ?? asset.playback_id)}
                    label={`Download: ${NAMES[output.type]}`}
                    name={output.type}
                  />
                )}
                <CopyButton bare text={output.url} label={`Copy the address: ${NAMES[output.type]}`} />
              </div>
            </Cell>
          </tr>
        ))}
      </Table>
    </Card>
  );
}
