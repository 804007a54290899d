import { RotateCcw, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { useMay } from '../../app/session';
import { count, date } from '../../app/words';
import { Button } from '../../ui/button';
import { Card, CardHead } from '../../ui/card';
import { Confirm } from '../../ui/dialog';
import { Cell, Table } from '../../ui/table';
import { Ago } from '../../ui/time';
import { type Asset, titleOf } from './asset';
import { useDeeds } from './deeds';

interface DeletedVideosProps {
  rows: readonly Asset[];
  label: string;
  /** Fetches those that follow, where there are more. */
  onMore?: () => void;
}

/** Videos that were deleted: until their time is over they are restored, or go for good to make room. */
export default function DeletedVideos({ rows, label, onMore }: DeletedVideosProps) {
  const mayChange = useMay('assets:write');
  const { restore, purge } = useDeeds();
  const [leaving, setLeaving] = useState<readonly Asset[]>([]);
  return (
    <div className="grid min-h-0 flex-1 grid-cols-1 content-start gap-4 overflow-y-auto px-4 pb-6 md:px-8">
      <Card>
        <CardHead title="Deleted videos" hint="They take up room until their time is over.">
          {mayChange && (
            <Button size="sm" variant="destructive" onClick={() => setLeaving(rows)}>
              <Trash2 aria-hidden /> Delete {rows.length} for good
            </Button>
          )}
        </CardHead>
        <Table label={label} head={['Video', 'Restorable until', '']}>
          {rows.map((asset) => (
            <tr key={asset.id}>
              <Cell className="min-w-32">
                <span className="block font-medium [overflow-wrap:anywhere]" dir="auto">
                  {titleOf(asset)}
                </span>
                <span className="text-[13px] text-muted-foreground">
                  deleted {asset.deleted_at && <Ago time={asset.deleted_at} />}
                </span>
              </Cell>
              <Cell className="text-muted-foreground">{asset.restorable_until && date(asset.restorable_until)}</Cell>
              <Cell>
                {mayChange && (
                  <div className="flex items-center justify-end gap-1 max-md:flex-col max-md:items-end">
                    <Button
                      size="sm"
                      variant="ghost"
                      aria-label={`Restore ${titleOf(asset)}`}
                      onClick={() => void restore([asset])}
                    >
                      <RotateCcw aria-hidden /> Restore
                    </Button>
                    <Button
                      size="sm"
                      variant="danger"
                      aria-label={`Delete ${titleOf(asset)} for good`}
                      onClick={() => setLeaving([asset])}
                    >
                      Delete for good
                    </Button>
                  </div>
                )}
              </Cell>
            </tr>
          ))}
        </Table>
      </Card>
      {onMore && (
        <Button className="justify-self-start" onClick={onMore}>
          Show more
        </Button>
      )}
      <Confirm
        open={leaving.length > 0}
        onOpenChange={() => setLeaving([])}
        title={`Delete ${count(leaving.length, 'video')} for good?`}
        action="Delete for good"
        onConfirm={() => void purge(leaving)}
      >
        Their sources and all that was made of them go now. This can’t be taken back.
      </Confirm>
    </div>
  );
}
