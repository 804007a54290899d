import { useEffect, useRef } from 'react';
import { Player } from '../../player/player';
import {
  type AssetState,
  coverFor,
  isFinal,
  isPlayable,
  type Known,
  learn,
  readyTracks,
} from '../../watch/asset-state';
import { Feed } from '../../watch/feed';

interface VideoPlayerProps {
  /** The playback ID, with a pass after it where one is needed. */
  handle: string;
  /** The moment that was chosen for the poster: with another one the player shows another poster. */
  posterMs: number | null;
  /** Is told where the picture stands, whenever that changes. */
  onTime?: (seconds: number) => void;
}

interface Followed {
  close: () => void;
  /** Looks which poster there is now. */
  look: () => Promise<void>;
}

/** The player of the watch page, following the same state. */
export default function VideoPlayer({ handle, posterMs, onTime }: VideoPlayerProps) {
  const place = useRef<HTMLDivElement>(null);
  const followed = useRef<Followed>(null);
  const shownMs = useRef(posterMs);
  const told = useRef(onTime);
  told.current = onTime;
  useEffect(() => {
    const root = place.current;
    if (!root) return;
    const made = follow(root, handle, (seconds) => told.current?.(seconds));
    followed.current = made;
    return made.close;
  }, [handle]);
  useEffect(() => {
    if (shownMs.current === posterMs) return;
    shownMs.current = posterMs;
    void followed.current?.look();
  }, [posterMs]);
  // A picture is shown in the dark, whatever the page is in.
  return <div ref={place} data-theme="dark" className="size-full" />;
}

function follow(root: HTMLElement, handle: string, onTime: (seconds: number) => void): Followed {
  const options = { startS: 0, autoplay: false, muted: false, loop: false, capToSize: true, keysOn: root };
  const player = new Player(root, options);
  player.video.addEventListener('timeupdate', () => onTime(player.video.currentTime));
  let known: Known = { kind: 'nothing' };
  const show = (next: Known) => {
    known = next;
    player.setCover(coverFor(known));
    if (known.kind !== 'state') return;
    const { state } = known;
    player.setPoster(state.poster_url);
    player.setSoundOnly(!state.has_video);
    if (!isPlayable(state) || state.stream_url === null) return;
    player.setSource({ streamUrl: state.stream_url, ready: readyTracks(state) });
    void player.setStoryboard(state.storyboard_url);
    if (isFinal(state)) feed.close();
  };
  const feed = new Feed(`/watch/${handle}`, {
    onState: (state) => show(learn(known, state)),
    onMissing: () => show({ kind: 'missing' }),
    onLocked: ({ detail }) => show({ kind: 'locked', detail, unlock: null }),
    onConnection: () => undefined,
  });
  player.setCover(coverFor(known));
  return {
    close: () => {
      feed.close();
      player.destroy();
    },
    // What is final is followed no more, and a poster is chosen at any time. One that can't be had stays as it is.
    look: async () => {
      const answer = await fetch(`/watch/${handle}/state`, { cache: 'no-store' }).catch(() => null);
      if (answer?.ok) player.setPoster(((await answer.json()) as AssetState).poster_url);
    },
  };
}
