import './watch.css';
import { Player } from '../player/player';
import {
  type AssetState,
  chaptersOf,
  coverFor,
  isFinal,
  type Known,
  learn,
  sourceOf,
  workInWords,
} from './asset-state';
import { Feed, type Problem } from './feed';
import { serveMessages } from './messages';
import { placeOf, playerOptions } from './query';
import { ShareDialog } from './share';
import { clock, sizeInWords } from './words';

const place = placeOf(window.location.pathname);
const html = document.documentElement;
html.dataset.place = place.embedded ? 'embed' : 'watch';

function element<T extends HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found as T;
}

const player = new Player(element('player'), playerOptions(window.location.search, place.embedded));
const watchPath = `/watch/${encodeURIComponent(place.playbackId)}`;
let known: Known = { kind: 'nothing' };

function show(): void {
  player.setCover(coverFor(known));
  html.dataset.asset = known.kind === 'state' ? known.state.status : known.kind;
  if (known.kind === 'state') showState(known.state);
  reflect();
}

function showState(state: AssetState): void {
  document.title = state.title || 'Video';
  element('title').textContent = state.title;
  element('facts').textContent = facts(state);
  element('work').textContent = workInWords(state);
  if (place.embedded) player.setTitle(state.title, watchPath);
  if (state.width && state.height) {
    html.style.setProperty('--ratio', `${state.width / state.height}`);
  }
  player.setPoster(state.poster_url);
  player.setSoundOnly(!state.has_video);
  player.setChapters(chaptersOf(state));
  html.dataset.complete = `${state.complete}`;
  const source = sourceOf(state);
  if (source) {
    player.setSource(source);
    void player.setStoryboard(state.storyboard_url);
  }
}

function facts(state: AssetState): string {
  const duration = state.duration_ms ? clock(state.duration_ms) : '';
  const size = state.has_video && state.width && state.height ? sizeInWords(state.width, state.height) : '';
  return [duration, size].filter((fact) => fact !== '').join(' · ');
}

/** Says on the document what goes on, for tests and for styles. */
function reflect(): void {
  const asset = html.dataset.asset;
  html.dataset.state = asset === 'playable' || asset === 'ready' ? player.playback : (asset ?? 'nothing');
  html.dataset.level = player.track;
  html.dataset.waiting = `${player.waitingQualities}`;
  html.dataset.stalls = `${player.stalls}`;
}

/** Exchanges a password for an address that lets in, and goes there; says what is wrong otherwise. */
async function unlockWith(password: string): Promise<string | null> {
  try {
    const response = await fetch(`${watchPath}/unlock`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ password }),
    });
    const body = await response.json();
    if (!response.ok) return (body as Problem).detail;
    const to = window.location.pathname.replace(place.playbackId, (body as { handle: string }).handle);
    window.location.replace(`${to}${window.location.search}`);
    return null;
  } catch {
    return 'The server can’t be reached. Try again.';
  }
}

function announceChange(before: Known, after: Known): void {
  if (after.kind !== 'state') return;
  const was = before.kind === 'state' ? before.state.status : null;
  const { status, title } = after.state;
  if (status === was) return;
  if (status === 'errored') player.announce('This video can’t be played.');
  else if (status === 'preparing') player.announce('The video is being prepared.');
  else if (was === 'preparing') player.announce(`${title || 'The video'} can be played now.`);
}

const feed = new Feed(watchPath, {
  onState(state) {
    const before = known;
    known = learn(known, state);
    announceChange(before, known);
    show();
    if (known.kind === 'state' && isFinal(known.state)) feed.rest();
  },
  onMissing() {
    known = { kind: 'missing' };
    show();
  },
  onLocked(problem) {
    const unlock = problem.code === 'password_needed' ? unlockWith : null;
    known = { kind: 'locked', detail: problem.detail, unlock };
    document.title = 'Private video';
    show();
  },
  onConnection(connected) {
    html.dataset.connection = connected ? 'open' : 'lost';
  },
});

for (const event of ['playback', 'track', 'qualities']) player.addEventListener(event, reflect);
show();
serveMessages(player);

if (!place.embedded) {
  const share = new ShareDialog(element<HTMLDialogElement>('share'), () => ({
    watchUrl: new URL(watchPath, window.location.href).href,
    embedUrl: new URL(watchPath.replace('/watch/', '/embed/'), window.location.href).href,
    title: document.title,
    width: player.video.videoWidth || 1_280,
    height: player.video.videoHeight || 720,
    timeS: player.video.currentTime,
  }));
  element('open-share').addEventListener('click', () => share.open());
}
