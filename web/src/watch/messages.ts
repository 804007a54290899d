import type { Player } from '../player/player';

/**
 * The messages between an embedding page and the player.
 *
 * The page sends `{vidcompute: "play" | "pause" | "mute" | "unmute" | "listen"}` or `{vidcompute: "seek", time}`
 * (seconds). The player sends `{vidcompute: "ready"}` once to whoever embeds it, and, to a page that sent "listen",
 * `{vidcompute: "event", event, time, duration, paused, muted, track}` for each of the events below.
 */
export type Command = { kind: 'play' | 'pause' | 'mute' | 'unmute' | 'listen' } | { kind: 'seek'; timeS: number };

const PLAIN = new Set(['play', 'pause', 'mute', 'unmute', 'listen']);
const TOLD = ['play', 'playing', 'pause', 'seeked', 'timeupdate', 'ended', 'volumechange', 'ratechange', 'waiting'];

/** The command in a message, or `null` where it is none of ours. */
export function commandIn(data: unknown): Command | null {
  if (typeof data !== 'object' || data === null || !('vidcompute' in data)) return null;
  const { vidcompute, time } = data as { vidcompute: unknown; time?: unknown };
  if (vidcompute === 'seek' && typeof time === 'number' && Number.isFinite(time)) return { kind: 'seek', timeS: time };
  if (typeof vidcompute === 'string' && PLAIN.has(vidcompute)) {
    return { kind: vidcompute as 'play' | 'pause' | 'mute' | 'unmute' | 'listen' };
  }
  return null;
}

/** Lets an embedding page control the player and hear of it. */
export function serveMessages(player: Player): void {
  if (window.parent === window) return;
  const listeners = new Set<string>();
  window.addEventListener('message', (event) => {
    if (event.source !== window.parent) return;
    const command = commandIn(event.data);
    if (command?.kind === 'listen') listeners.add(event.origin === 'null' ? '*' : event.origin);
    else if (command) perform(player, command);
  });
  const { video } = player;
  for (const name of TOLD) {
    video.addEventListener(name, () => {
      const { currentTime: time, duration, paused, muted } = video;
      const message = { vidcompute: 'event', event: name, time, duration, paused, muted, track: player.track };
      for (const origin of listeners) window.parent.postMessage(message, origin);
    });
  }
  window.parent.postMessage({ vidcompute: 'ready' }, '*');
}

function perform(player: Player, command: Command): void {
  switch (command.kind) {
    case 'play':
      void player.play();
      return;
    case 'pause':
      player.pause();
      return;
    case 'seek':
      player.seek(command.timeS);
      return;
    default:
      player.video.muted = command.kind === 'mute';
  }
}
