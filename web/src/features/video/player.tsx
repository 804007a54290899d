import { useEffect, useRef } from 'react';
import { Player } from '../../player/player';
import { type AssetState, chaptersOf, coverFor, isFinal, type Known, learn, sourceOf } from '../../watch/asset-state';
import { Feed } from '../../watch/feed';

interface VideoPlayerProps {
  /** The playback ID, with a pass after it where one is needed. */
  handle: string;
  /** The moment that was chosen for the poster: with another one the player shows another poster. */
  posterMs: number | null;
  /** How often captions and subtitles were changed meanwhile: with each change those are offered that there are then. */
  texts?: number;
  /** Is told where the picture stands, whenever that changes. */
  onTime?: (seconds: number) => void;
}

interface Followed {
  close: () => void;
  /** Looks which poster and which texts there are now. */
  look: () => Promise<void>;
}

/** The player of the watch page, following the same state. */
export default function VideoPlayer({ handle, posterMs, texts = 0, onTime }: VideoPlayerProps) {
  const place = useRef<HTMLDivElement>(null);
  const followed = useRef<Followed>(null);
  const shown = useRef({ posterMs, texts });
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
    if (shown.current.posterMs === posterMs && shown.current.texts === texts) return;
    shown.current = { posterMs, texts };
    void followed.current?.look();
  }, [posterMs, texts]);
  // A picture is shown in the dark, whatever the page is in.
  return <div ref={place} data-theme="dark" className="size-full" />;
}

function follow(root: HTMLElement, handle: string, onTime: (seconds: number) => void): Followed {
  const options = { startS: 0, autoplay: false, muted: false, loop: false, capToSize: true, keysOn: root };
  const player = new Player(root, options);
  player.video.addEventListener('timeupdate', () => onTime(player.video.currentTime));
  let known: Known = { kind: 'nothing' };
  let isOver = false;
  const offer = (state: AssetState) => {
    player.setPoster(state.poster_url);
    const source = sourceOf(state);
    if (source) player.setSource(source);
  };
  const show = (next: Known) => {
    known = next;
    player.setCover(coverFor(known));
    if (known.kind !== 'state') return;
    const { state } = known;
    offer(state);
    player.setSoundOnly(!state.has_video);
    player.setChapters(chaptersOf(state));
    if (sourceOf(state)) void player.setStoryboard(state.storyboard_url);
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
      isOver = true;
      feed.close();
      player.destroy();
    },
    // What is final is followed no more, and people choose posters and bring captions at any time: this page hears of it.
    // What can't be had stays as it is.
    look: async () => {
      const answer = await fetch(`/watch/${handle}/state`, { cache: 'no-store' }).catch(() => null);
      const state = answer?.ok ? ((await answer.json()) as AssetState) : null;
      if (state && !isOver) offer(state);
    },
  };
}
