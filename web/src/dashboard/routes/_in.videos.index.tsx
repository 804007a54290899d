import { createFileRoute } from '@tanstack/react-router';
import { SORTS, type Sort, TABS, type Tab, type Wanted } from '../../features/videos/list';
import { Videos, type View } from '../../features/videos/videos';

interface Search extends Partial<Wanted> {
  view?: View;
}

function oneOf<T extends string>(value: unknown, all: readonly T[]): T | undefined {
  return all.find((one) => one === value);
}

// What is not said is not in the address: `/videos` alone is all videos, newest first.
function validateSearch(search: Record<string, unknown>): Search {
  const found: Search = {};
  const tab: Tab | undefined = oneOf(search.tab, TABS);
  const sort: Sort | undefined = oneOf(search.sort, SORTS);
  if (tab && tab !== 'all') found.tab = tab;
  if (sort && sort !== '-created') found.sort = sort;
  if (typeof search.q === 'string' || typeof search.q === 'number') found.q = `${search.q}`.slice(0, 200);
  if (search.view === 'grid') found.view = 'grid';
  return found;
}

function Component() {
  const { tab = 'all', q = '', sort = '-created', view = 'table' } = Route.useSearch();
  const navigate = Route.useNavigate();
  const change = (changes: Search) =>
    void navigate({
      search: (before) => validateSearch({ ...before, ...changes, ...(changes.q === '' ? { q: undefined } : {}) }),
      replace: true,
    });
  return <Videos wanted={{ tab, q, sort }} view={view} onChange={change} />;
}

export const Route = createFileRoute('/_in/videos/')({ validateSearch, component: Component });
