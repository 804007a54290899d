export const VIDEO_TABS = ['details', 'sharing', 'files', 'images', 'processing'] as const;
export type VideoTab = (typeof VIDEO_TABS)[number];
