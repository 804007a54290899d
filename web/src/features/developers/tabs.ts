export const DEVELOPER_TABS = ['keys', 'webhooks'] as const;
export type DeveloperTab = (typeof DEVELOPER_TABS)[number];
