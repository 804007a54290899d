import { Suspense } from 'react';
import { part } from '../../app/part';
import { useCaller } from '../../app/session';
import { Page } from '../../ui/page';
import { Loading } from '../../ui/states';
import { TabPanel, Tabs } from '../../ui/tabs';
import { Members } from './members';
import { OrganizationSettings } from './organization';
import { Quotas } from './quotas';
import { Retention } from './retention';
import { SETTING_TABS, type SettingTab } from './tabs';

const Audit = part(() => import('./audit'));
const Account = part(() => import('./account'));

const LABELS: Record<SettingTab, string> = {
  organization: 'Organization',
  members: 'Members',
  usage: 'Limits and use',
  retention: 'Retention',
  account: 'You',
  audit: 'Audit log',
};

/** The organization, who is in it, what it may use; and one's own account. */
export function Settings({ tab, onTab }: { tab: SettingTab; onTab: (tab: SettingTab) => void }) {
  const caller = useCaller();
  const may: Partial<Record<SettingTab, boolean>> = {
    organization: caller.scopes.includes('organization:read'),
    retention: caller.scopes.includes('organization:read'),
    members: caller.scopes.includes('members:read'),
    usage: caller.scopes.includes('usage:read'),
    account: caller.person_id !== null,
    audit: caller.scopes.includes('audit:read'),
  };
  const tabs = SETTING_TABS.filter((one) => may[one] ?? true);
  const shown = tabs.includes(tab) ? tab : (tabs[0] ?? 'organization');
  return (
    <Page title="Settings">
      <Tabs
        label="Settings"
        value={shown}
        onChange={(next) => onTab(next as SettingTab)}
        tabs={tabs.map((value) => ({ value, label: LABELS[value] }))}
      >
        <TabPanel value={shown}>
          <Suspense fallback={<Loading />}>
            {shown === 'organization' && <OrganizationSettings />}
            {shown === 'members' && <Members />}
            {shown === 'usage' && <Quotas />}
            {shown === 'retention' && <Retention />}
            {shown === 'account' && <Account />}
            {shown === 'audit' && <Audit />}
          </Suspense>
        </TabPanel>
      </Tabs>
    </Page>
  );
}
