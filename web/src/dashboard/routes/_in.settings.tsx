import { createFileRoute } from '@tanstack/react-router';
import { Settings } from '../../features/settings/settings';
import { SETTING_TABS, type SettingTab } from '../../features/settings/tabs';

function Component() {
  const { tab = 'organization' } = Route.useSearch();
  const navigate = Route.useNavigate();
  const show = (next: SettingTab) =>
    void navigate({ search: next === 'organization' ? {} : { tab: next }, replace: true });
  return <Settings tab={tab} onTab={show} />;
}

export const Route = createFileRoute('/_in/settings')({
  validateSearch: (search: Record<string, unknown>): { tab?: SettingTab } => {
    const tab = SETTING_TABS.find((one) => one === search.tab);
    return tab ? { tab } : {};
  },
  component: Component,
});
