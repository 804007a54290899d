import type { Schemas } from '../../api/client';
import type { JobWish } from './queue';

/** What is made of the videos, as people choose it. */
const PRESETS = {
  stream: ['hls', 'thumbnail', 'storyboard', 'preview'],
  download: ['hls', 'mp4', 'thumbnail', 'storyboard', 'preview'],
  all: ['hls', 'mp4', 'audio', 'thumbnail', 'storyboard', 'preview'],
} as const;

type Preset = keyof typeof PRESETS;

export const PRESET_LABELS: Record<Preset, string> = {
  stream: 'To be watched',
  download: 'To be watched, and an MP4',
  all: 'To be watched, an MP4, and the sound alone',
};

export const POLICIES = { public: 'Everybody', signed: 'By signed links' } as const;

export const PRIORITIES: Record<Schemas['Priority'], string> = { high: 'High', normal: 'Normal', low: 'Low' };

export interface Chosen {
  preset: Preset;
  policy: keyof typeof POLICIES;
  priority: Schemas['Priority'];
}

export const USUAL: Chosen = { preset: 'stream', policy: 'public', priority: 'normal' };

/** The job that a choice asks for. */
export function jobOf({ preset, policy, priority }: Chosen): JobWish {
  return { outputs: [...PRESETS[preset]], playback_policy: policy, priority };
}
