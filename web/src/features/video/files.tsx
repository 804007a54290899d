import { api, type Schemas } from '../../api/client';
import { bytes } from '../../app/words';
import { Badge } from '../../ui/badge';
import { Card, CardHead, CardItems } from '../../ui/card';
import { CopyButton } from '../../ui/copy';
import { Nothing } from '../../ui/states';
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
  return (
    <Card>
      <CardHead title="Files" hint="What was made of the video, and where it is." />
      <CardItems query={found} items={found.data?.items} empty={<Nothing small title="Nothing was made of it yet" />}>
        {(outputs) => (
          <Table label="Files" head={['What', 'Size', 'State', '']}>
            {outputs.map((output) => (
              <FileLine key={`${output.type} ${output.url}`} asset={asset} handle={handle} output={output} />
            ))}
          </Table>
        )}
      </CardItems>
    </Card>
  );
}

interface FileLineProps {
  asset: Asset;
  handle: string | null;
  output: Output;
}

function FileLine({ asset, handle, output }: FileLineProps) {
  const name = NAMES[output.type];
  return (
    <tr>
      <Cell className="whitespace-nowrap font-medium">{name}</Cell>
      <Cell className="whitespace-nowrap text-muted-foreground tabular-nums">{bytes(output.size_bytes)}</Cell>
      <Cell>
        <Badge tone={output.ready ? 'ok' : 'accent'}>{output.ready ? 'Ready' : 'To come'}</Badge>
      </Cell>
      <Cell>
        <div className="flex justify-end gap-1">
          {output.ready && (
            <Download
              path={pathOf(output.url).replace(asset.playback_id, handle ?? asset.playback_id)}
              label={`Download: ${name}`}
              name={output.type}
            />
          )}
          <CopyButton bare text={output.url} label={`Copy the address: ${name}`} />
        </div>
      </Cell>
    </tr>
  );
}
