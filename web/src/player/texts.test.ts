import { beforeEach, expect, test, vi } from 'vitest';
import { type TextChoice, Texts } from './texts';

// Here each look at an element's track makes a new one; in browsers it has one.
const tracks = new WeakMap<HTMLTrackElement, { mode: TextTrackMode }>();
Object.defineProperty(HTMLTrackElement.prototype, 'track', {
  configurable: true,
  get(this: HTMLTrackElement) {
    const track = tracks.get(this) ?? { mode: 'disabled' };
    tracks.set(this, track);
    return track;
  },
});

let video: HTMLVideoElement;
let texts: Texts;
beforeEach(() => {
  video = document.createElement('video');
  texts = new Texts(video);
});

function text(id: string, changes: Partial<TextChoice> = {}): TextChoice {
  const said = { kind: 'subtitles', language: 'de', name: `Name of ${id}`, default: false } as const;
  return { ...said, id, url: `/stream/play/${id}/track.vtt`, ...changes };
}

const elements = () => [...video.querySelectorAll('track')];
const names = () => elements().map(({ label }) => label);
const modes = () => elements().map(({ track }) => track.mode);

test('texts become tracks that nothing is fetched of, and those that are gone go', () => {
  texts.set([text('a', { kind: 'captions' }), text('b')]);
  const [first] = elements();
  expect([first?.kind, first?.srclang, first?.getAttribute('src')]).toEqual([
    'captions',
    'de',
    '/stream/play/a/track.vtt',
  ]);
  expect(modes()).toEqual(['disabled', 'disabled']);
  texts.set([text('b'), text('c')]);
  expect(names()).toEqual(['Name of b', 'Name of c']);
});

test('what is turned on stays on while others come, and when it is called otherwise', () => {
  texts.set([text('a')]);
  const [first] = elements();
  if (first) first.track.mode = 'showing';
  texts.set([text('a'), text('b')]);
  expect(elements()[0]).toBe(first);
  texts.set([text('a', { name: 'Deutsch' }), text('b')]);
  const renamed = elements().find(({ label }) => label === 'Deutsch');
  expect(renamed?.track.mode).toBe('showing');
  expect(elements()).toHaveLength(2);
});

test('the default shows by itself, but to nobody who watches already', () => {
  texts.set([text('a', { default: true }), text('b', { default: true })]);
  expect(modes()).toEqual(['showing', 'disabled']);
  texts.set([]);
  vi.spyOn(video, 'played', 'get').mockReturnValue({ length: 1 } as TimeRanges);
  texts.set([text('a', { default: true })]);
  expect(modes()).toEqual(['disabled']);
});
