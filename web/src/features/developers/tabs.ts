export const DEVELOPER_TABS = ['keys', 'signing', 'webhooks', 'events'] as const;
export type DeveloperTab = (typeof DEVELOPER_TABS)[number];
