import { useMay } from '../../app/session';
import { Button } from '../../ui/button';
import { Page } from '../../ui/page';
import { TabPanel, Tabs } from '../../ui/tabs';
import { ApiKeys } from './api-keys';
import { DEVELOPER_TABS, type DeveloperTab } from './tabs';
import { Webhooks } from './webhooks';

const LABELS: Record<DeveloperTab, string> = { keys: 'API keys', webhooks: 'Webhooks' };

/** What programs need: keys, and to be told what happens. */
export function Developers({ tab, onTab }: { tab: DeveloperTab; onTab: (tab: DeveloperTab) => void }) {
  const mayHooks = useMay('webhooks:read');
  const tabs = DEVELOPER_TABS.filter((one) => one === 'keys' || mayHooks);
  const reference = (
    <Button asChild>
      <a href="/docs" target="_blank" rel="noreferrer">
        API reference
      </a>
    </Button>
  );
  return (
    <Page title="Developers" hint="Everything that this page does, programs can do." actions={reference}>
      <Tabs
        label="For programs"
        value={tab}
        onChange={(next) => onTab(next as DeveloperTab)}
        tabs={tabs.map((value) => ({ value, label: LABELS[value] }))}
      >
        <TabPanel value="keys">
          <ApiKeys />
        </TabPanel>
        <TabPanel value="webhooks">
          <Webhooks />
        </TabPanel>
      </Tabs>
    </Page>
  );
}
