import { createFileRoute } from '@tanstack/react-router';
import { Jobs } from '../../features/jobs/jobs';
import { JOB_TABS, type JobTab } from '../../features/jobs/tabs';

function Component() {
  const { tab = 'queue' } = Route.useSearch();
  const navigate = Route.useNavigate();
  const show = (next: JobTab) => void navigate({ search: next === 'queue' ? {} : { tab: next }, replace: true });
  return <Jobs tab={tab} onTab={show} />;
}

export const Route = createFileRoute('/_in/jobs')({
  validateSearch: (search: Record<string, unknown>): { tab?: JobTab } => {
    const tab = JOB_TABS.find((one) => one === search.tab);
    return tab ? { tab } : {};
  },
  component: Component,
});
