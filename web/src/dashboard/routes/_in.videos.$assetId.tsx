import { createFileRoute } from '@tanstack/react-router';
import { VIDEO_TABS, type VideoTab } from '../../features/video/tabs';
import { Video } from '../../features/video/video';

function Component() {
  const { assetId } = Route.useParams();
  const { tab = 'details' } = Route.useSearch();
  const navigate = Route.useNavigate();
  const show = (next: VideoTab) =>
    void navigate({ search: next === 'details' ? {} : { tab: next }, replace: true, resetScroll: false });
  return <Video key={assetId} assetId={assetId} tab={tab} onTab={show} />;
}

export const Route = createFileRoute('/_in/videos/$assetId')({
  validateSearch: (search: Record<string, unknown>): { tab?: VideoTab } => {
    const tab = VIDEO_TABS.find((one) => one === search.tab);
    return tab ? { tab } : {};
  },
  component: Component,
});
