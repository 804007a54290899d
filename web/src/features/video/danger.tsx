import { useNavigate } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { Button } from '../../ui/button';
import { Card, CardHead } from '../../ui/card';
import { Confirm } from '../../ui/dialog';
import { type Asset, titleOf } from '../videos/asset';
import { useDeeds } from '../videos/deeds';

/** The end of a video: one that can be taken back for a while, and one that can’t. */
export function Danger({ asset }: { asset: Asset }) {
  const { remove, purge } = useDeeds();
  const navigate = useNavigate();
  const [asked, setAsked] = useState(false);
  const leave = (end: (assets: readonly Asset[]) => Promise<void>) => {
    void navigate({ to: '/videos' });
    void end([asset]);
  };
  return (
    <Card className="border-destructive lg:col-span-2">
      <CardHead title="Danger zone" />
      <Line label="Delete this video" hint="Nobody can watch it any more. It can be restored for a while.">
        <Button variant="destructive" onClick={() => leave(remove)}>
          Delete it
        </Button>
      </Line>
      <Line label="Delete it for good" hint="It makes room at once, and does not come back.">
        <Button variant="destructive" onClick={() => setAsked(true)}>
          Delete it for good
        </Button>
      </Line>
      <Confirm
        open={asked}
        onOpenChange={setAsked}
        title="Delete this video for good?"
        action="Delete for good"
        onConfirm={() => leave(purge)}
      >
        The source of <span dir="auto">{titleOf(asset)}</span>, and all that was made of it, goes now. This can’t be
        taken back.
      </Confirm>
    </Card>
  );
}

function Line({ label, hint, children }: { label: string; hint: string; children: ReactNode }) {
  return (
    <div className="flex flex-wrap items-center justify-between gap-3 border-t px-5 py-3">
      <div className="min-w-0">
        <p className="font-medium">{label}</p>
        <p className="text-[13px] text-muted-foreground">{hint}</p>
      </div>
      {children}
    </div>
  );
}
