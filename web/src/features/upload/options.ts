import type { Schemas } from '../../api/client';
import type { JobWish } from './queue';

/** What is made of the videos, as people choose it. */
export const PRESETS = {
  stream: { label: 'To be watched', outputs: ['hls', 'thumbnail', 'storyboard', 'preview'] },
  download: { label: 'To be watched, and an MP4', outputs: ['hls', 'mp4', 'thumbnail', 'storyboard', 'preview'] },
  all: {
    label: 'To be watched, an MP4, and the sound alone',
    outputs: ['hls', 'mp4', 'audio', 'thumbnail', 'storyboard', 'preview'],
  },
} as const;

export type Preset = keyof typeof PRESETS;

export interface Choice {
  preset: Preset;
  policy: 'public' | 'signed';
  priority: Schemas['Priority'];
}

export const USUAL: Choice = { preset: 'stream', policy: 'public', priority: 'normal' };

/** The job that a choice asks for. */
export function jobOf({ preset, policy, priority }: Choice): JobWish {
  return { outputs: [...PRESETS[preset].outputs], playback_policy: policy, priority };
}
