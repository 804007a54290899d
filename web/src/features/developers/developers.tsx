import { Suspense } from 'react';
import type { Scope } from '../../api/client';
import { part } from '../../app/part';
import { useCaller } from '../../app/session';
import { Button } from '../../ui/button';
import { Page } from '../../ui/page';
import { Loading } from '../../ui/states';
import { TabPanel, Tabs } from '../../ui/tabs';
import { ApiKeys } from './api-keys';
import { DEVELOPER_TABS, type DeveloperTab } from './tabs';
import { Webhooks } from './webhooks';

const SigningKeys = part(() => import('./signing-keys'));
const Events = part(() => import('./events'));

const TABS: Record<DeveloperTab, { label: string; needs: Scope }> = {
  keys: { label: 'API keys', needs: 'keys:read' },
  signing: { label: 'Signing keys', needs: 'signing:read' },
  webhooks: { label: 'Webhooks', needs: 'webhooks:read' },
  events: { label: 'Events', needs: 'events:read' },
};

/** What programs need: keys, and to be told what happens. */
export function Developers({ tab, onTab }: { tab: DeveloperTab; onTab: (tab: DeveloperTab) => void }) {
  const { scopes } = useCaller();
  const tabs = DEVELOPER_TABS.filter((one) => scopes.includes(TABS[one].needs));
  const shown = tabs.includes(tab) ? tab : 'keys';
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
        value={shown}
        onChange={(next) => onTab(next as DeveloperTab)}
        tabs={tabs.map((value) => ({ value, label: TABS[value].label }))}
      >
        <TabPanel value={shown}>
          <Suspense fallback={<Loading />}>
            {shown === 'keys' && <ApiKeys />}
            {shown === 'signing' && <SigningKeys />}
            {shown === 'webhooks' && <Webhooks />}
            {shown === 'events' && <Events />}
          </Suspense>
        </TabPanel>
      </Tabs>
    </Page>
  );
}
