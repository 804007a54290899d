export const SETTING_TABS = ['organization', 'members', 'usage', 'retention', 'account', 'audit'] as const;
export type SettingTab = (typeof SETTING_TABS)[number];
