import type { PlayerOptions } from '../player/player';

/** Where this page stands: which video, and whether on its own or inside another page. */
export interface Place {
  playbackId: string;
  embedded: boolean;
}

/** Reads the path, `/watch/ID` or `/embed/ID`. Throws where it is neither: the server sends this page nowhere else. */
export function placeOf(pathname: string): Place {
  const match = /^\/(watch|embed)\/([^/]+)\/?$/.exec(pathname);
  if (!match?.[2]) throw new Error(`not a watch page: ${pathname}`);
  return { playbackId: decodeURIComponent(match[2]), embedded: match[1] === 'embed' };
}

/** Seconds of a time as people write it: `90`, `90.5`, `1:30`, `1h2m3s`, `2m`. What reads otherwise is 0. */
export function parseTime(text: string): number {
  const plain = /^\d+(\.\d+)?$/.exec(text);
  if (plain) return Number(text);
  const clock = /^(?:(\d+):)?(\d{1,2}):(\d{2}(?:\.\d+)?)$/.exec(text);
  if (clock) return Number(clock[1] ?? 0) * 3600 + Number(clock[2]) * 60 + Number(clock[3]);
  const words = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?$/.exec(text);
  if (words) return Number(words[1] ?? 0) * 3600 + Number(words[2] ?? 0) * 60 + Number(words[3] ?? 0);
  return 0;
}

/** A switch in a query: there without a value, `1`, `true`, `yes` and `on` are on. */
function isOn(value: string | null): boolean {
  return value !== null && /^(|1|true|yes|on)$/i.test(value);
}

/** The player's options in a query string: `?start=&autoplay=&muted=&loop=`. */
export function playerOptions(search: string, embedded: boolean): PlayerOptions {
  const query = new URLSearchParams(search);
  return {
    startS: parseTime(query.get('start') ?? query.get('t') ?? ''),
    autoplay: isOn(query.get('autoplay')),
    muted: isOn(query.get('muted')),
    loop: isOn(query.get('loop')),
    capToSize: embedded,
  };
}
