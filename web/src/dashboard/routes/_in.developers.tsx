import { createFileRoute } from '@tanstack/react-router';
import { Developers } from '../../features/developers/developers';
import { DEVELOPER_TABS, type DeveloperTab } from '../../features/developers/tabs';

function Component() {
  const { tab = 'keys' } = Route.useSearch();
  const navigate = Route.useNavigate();
  const show = (next: DeveloperTab) => void navigate({ search: next === 'keys' ? {} : { tab: next }, replace: true });
  return <Developers tab={tab} onTab={show} />;
}

export const Route = createFileRoute('/_in/developers')({
  validateSearch: (search: Record<string, unknown>): { tab?: DeveloperTab } => {
    const tab = DEVELOPER_TABS.find((one) => one === search.tab);
    return tab ? { tab } : {};
  },
  component: Component,
});
