export const JOB_TABS = ['queue', 'dead', 'failed', 'done', 'all'] as const;
export type JobTab = (typeof JOB_TABS)[number];
