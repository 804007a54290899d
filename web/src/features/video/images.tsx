import { Download } from 'lucide-react';
import { useDeferredValue, useState } from 'react';
import { clock } from '../../app/words';
import { Button } from '../../ui/button';
import { Card, CardBody, CardHead } from '../../ui/card';
import { CopyField } from '../../ui/copy';
import { Field } from '../../ui/field';
import { Nothing } from '../../ui/states';
import { type Asset, pathOf, pictureOf, previewOf } from '../videos/asset';

/** Pictures of the video: any frame by its time, and the moving preview. */
export function Images({ asset, startS }: { asset: Asset; startS: number }) {
  const [seconds, setSeconds] = useState(startS);
  const shownS = useDeferredValue(seconds);
  if (pictureOf(asset, 640) === null) {
    const why =
      asset.playback_policy === 'public' ? 'They come with the video.' : 'A private video has none to be linked to.';
    return <Nothing title="No pictures here">{why}</Nothing>;
  }
  const address = `${asset.urls.thumbnail}?time=${shownS.toFixed(2)}`;
  const moving = previewOf(asset);
  return (
    <div className="grid grid-cols-1 items-start gap-5 lg:grid-cols-2">
      <Card>
        <CardHead title="A frame" hint="Any moment, in any size: add width and height to the address.">
          <Button size="sm" asChild>
            <a href={pathOf(address)} download>
              <Download aria-hidden /> Download
            </a>
          </Button>
        </CardHead>
        <CardBody className="grid grid-cols-1 gap-4">
          <img
            src={`${pathOf(address)}&width=640`}
            alt={`The video at ${clock(shownS * 1000)}`}
            className="aspect-video w-full rounded-lg bg-black object-contain"
          />
          <Field label={`At ${clock(seconds * 1000)}`}>
            {(field) => (
              <input
                {...field}
                type="range"
                min={0}
                max={(asset.duration_ms ?? 0) / 1000}
                step={0.1}
                value={seconds}
                className="w-full accent-primary"
                onChange={(event) => setSeconds(Number(event.target.value))}
              />
            )}
          </Field>
          <CopyField label="Address" value={address} />
        </CardBody>
      </Card>
      {moving && (
        <Card>
          <CardHead title="Moving preview" />
          <CardBody className="grid grid-cols-1 gap-4">
            <img
              src={moving}
              alt="Moments of the video, moving"
              className="aspect-video w-full rounded-lg bg-black object-contain"
            />
            <CopyField label="Address" value={new URL(moving, asset.urls.thumbnail).href} />
          </CardBody>
        </Card>
      )}
    </div>
  );
}
