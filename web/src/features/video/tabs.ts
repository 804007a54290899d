export const VIDEO_TABS = ['details', 'sharing', 'files', 'tracks', 'images', 'frames', 'processing'] as const;
export type VideoTab = (typeof VIDEO_TABS)[number];
