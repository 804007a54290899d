import type { Schemas } from '../../api/client';
import { clock, count } from '../../app/words';

export type FramesOutput = Schemas['Frames'];
type Pick = Schemas['FramePick'];

export const PICKS: Record<Pick, string> = {
  rate: 'So many a second',
  every: 'Each n-th frame',
  scenes: 'The first of each scene',
  keyframes: 'Keyframes',
  times: 'At given times',
  all: 'All frames',
};

export const FORMATS: Record<Schemas['ImageFormat'], string> = { jpeg: 'JPEG', webp: 'WebP', png: 'PNG' };

/** Which frames are wanted, as people type it. */
export interface Wish {
  pick: Pick;
  rate: string;
  every: string;
  times: string;
  start: string;
  end: string;
  width: string;
  format: Schemas['ImageFormat'];
  quality: string;
}

export const USUAL: Wish = {
  pick: 'rate',
  rate: '1',
  every: '30',
  times: '',
  start: '',
  end: '',
  width: '',
  format: 'jpeg',
  quality: '85',
};

export type Problems = Partial<Record<keyof Wish, string>>;

const CLOCK = /^(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:\.\d+)?)$/;
const NO_TIME = 'Write seconds, or a time such as 1:05.';
const NO_NUMBER = 'Write a number above 0.';

/** Seconds of `83.5`, `1:23.5` or `1:02:03`; null where it is none of them. */
export function secondsOf(text: string): number | null {
  const found = CLOCK.exec(text.trim());
  if (!found) return null;
  const [, hours = '0', minutes = '0', seconds = '0'] = found;
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
}

/** What a job is asked for, or what is wrong with the wish. */
export function outputOf(wish: Wish): FramesOutput | Problems {
  const problems: Problems = {};
  const read = <T>(name: keyof Wish, value: T | null, problem: string): T | null => {
    if (value === null) problems[name] = problem;
    return value;
  };
  const positive = (name: 'rate' | 'every' | 'width' | 'quality') => {
    const number = Number(wish[name]);
    return read(name, number > 0 && wish[name].trim() !== '' ? number : null, NO_NUMBER) ?? 1;
  };
  const time = (name: 'start' | 'end') => (wish[name].trim() ? read(name, secondsOf(wish[name]), NO_TIME) : null);
  const end = time('end');
  const output: FramesOutput = {
    type: 'frames',
    pick: wish.pick,
    rate: wish.pick === 'rate' ? positive('rate') : 1,
    every: wish.pick === 'every' ? positive('every') : 1,
    times: wish.pick === 'times' ? (read('times', timesOf(wish.times), NO_TIME) ?? []) : [],
    start: time('start') ?? 0,
    format: wish.format,
    quality: wish.format === 'png' ? 85 : positive('quality'),
    ...(end === null ? {} : { end }),
    ...(wish.width.trim() ? { width: positive('width') } : {}),
  };
  if (end !== null && end <= output.start) problems.end = 'This comes before where it begins.';
  return Object.keys(problems).length > 0 ? problems : output;
}

function timesOf(text: string): number[] | null {
  const parts = text.split(/[\s,;]+/).filter((part) => part !== '');
  const times = parts.map(secondsOf);
  return parts.length > 0 && times.every((one) => one !== null) ? times : null;
}

export function isOutput(found: FramesOutput | Problems): found is FramesOutput {
  return 'type' in found;
}

/** About how many pictures there will be; null where only the video itself can say so. */
export function expected(output: FramesOutput, durationMs: number | null, frameRate: number | null): number | null {
  if (output.pick === 'times') return output.times.length;
  if (durationMs === null || output.pick === 'scenes' || output.pick === 'keyframes') return null;
  const lengthS = Math.max(0, Math.min(output.end ?? Number.POSITIVE_INFINITY, durationMs / 1000) - output.start);
  if (output.pick === 'rate') return Math.ceil(lengthS * output.rate);
  return frameRate === null ? null : Math.ceil((lengthS * frameRate) / output.every);
}

const WORDS: Record<Pick, (output: FramesOutput) => string> = {
  rate: ({ rate }) => `${rate} a second`,
  every: ({ every }) => `One frame in ${every}`,
  scenes: () => PICKS.scenes,
  keyframes: () => PICKS.keyframes,
  times: ({ times }) => `At ${count(times.length, 'given time')}`,
  all: () => PICKS.all,
};

/** `1 a second, 0:05 to 0:20, WebP, 640 px wide`. */
export function described(output: FramesOutput): string {
  const end = output.end ?? null;
  const range =
    output.start > 0 || end !== null
      ? `${clock(output.start * 1000)} to ${end === null ? 'the end' : clock(end * 1000)}`
      : '';
  const size = [output.width ? `${output.width} px wide` : '', output.height ? `${output.height} px high` : ''];
  return [WORDS[output.pick](output), range, FORMATS[output.format], ...size].filter(Boolean).join(', ');
}
