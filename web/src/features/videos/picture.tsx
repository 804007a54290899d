import { EyeOff, Film, Music } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { cn } from '../../ui/cn';
import { type Asset, pictureOf, previewOf } from './asset';

const WIDTH_PX = 320;
const HOVER_MS = 120;

interface PictureProps {
  asset: Asset;
  className?: string;
  /** Whether it is fetched: what one only passes by is not. */
  fetched?: boolean;
  /** Stands on it. */
  children?: ReactNode;
}

/** A video's poster; it moves while the pointer is on it. */
export function Picture({ asset, className, fetched = true, children }: PictureProps) {
  const [broken, setBroken] = useState('');
  const [preview, setPreview] = useState<string | null>(null);
  const still = pictureOf(asset, WIDTH_PX);
  const begin = (target: HTMLElement) => {
    const moving = previewOf(asset);
    if (moving === null) return;
    // Who only passes by loads nothing.
    const timer = window.setTimeout(() => setPreview(moving), HOVER_MS);
    target.addEventListener('pointerleave', () => window.clearTimeout(timer), { once: true });
  };
  return (
    <div
      className={cn('relative grid aspect-video place-items-center overflow-hidden rounded-md bg-muted', className)}
      onPointerEnter={(event) => begin(event.currentTarget)}
      onPointerLeave={() => setPreview(null)}
    >
      {still === null || broken === still ? (
        <Placeholder asset={asset} />
      ) : (
        fetched && (
          <img
            src={still}
            alt=""
            decoding="async"
            className="absolute inset-0 size-full object-cover"
            onError={() => setBroken(still)}
          />
        )
      )}
      {preview !== null && (
        <img
          src={preview}
          alt=""
          className="absolute inset-0 size-full object-cover"
          onError={() => setPreview(null)}
        />
      )}
      {children}
    </div>
  );
}

function Placeholder({ asset }: { asset: Asset }) {
  const isSound = asset.status === 'ready' && asset.width_px === null;
  const Icon = asset.playback_policy === 'public' ? (isSound ? Music : Film) : EyeOff;
  return <Icon aria-hidden className="size-5 text-muted-foreground" />;
}
