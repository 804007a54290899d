import './dashboard.css';
import { QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { createRouter, RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { isFinal, told } from '../api/problem';
import { fetchAhead } from '../app/ahead';
import { leaveFor } from '../app/leave';
import { noticeLost } from '../app/lost';
import { startTheme } from '../app/theme';
import { Broken, Missing, Waiting } from './fallbacks';
import { routeTree } from './route-tree.gen';

const STALE_MS = 15_000;
const TRIES = 2;
const PENDING_MS = 200;

/** A session may end while a page is shown: one logs in, and comes back. Whether there is one is asked before pages. */
function leaveIfOut(error: unknown, [, path]: readonly unknown[]): void {
  const { pathname, search } = window.location;
  if (told(error).status !== 401 || path === '/api/v1/caller' || pathname.endsWith('/enter')) return;
  leaveFor(`/dashboard/enter?next=${encodeURIComponent(pathname + search)}`);
}

const queries = new QueryClient({
  queryCache: new QueryCache({ onError: (error, { queryKey }) => leaveIfOut(error, queryKey) }),
  defaultOptions: {
    queries: {
      staleTime: STALE_MS,
      retry: (failures, error) => !isFinal(error) && failures < TRIES,
    },
  },
});

const router = createRouter({
  routeTree,
  basepath: '/dashboard',
  context: { queries },
  defaultPreload: 'intent',
  defaultPendingMs: PENDING_MS,
  defaultPendingComponent: Waiting,
  defaultErrorComponent: Broken,
  defaultNotFoundComponent: Missing,
  scrollRestoration: true,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}

/** Once the first page is seen, what the others take. */
function fetchPages(): void {
  const stop = router.subscribe('onRendered', () => {
    stop();
    const pages = Object.values(router.routesById).filter(({ id }) => id.startsWith('/_in/'));
    fetchAhead(pages.map((page) => () => router.loadRouteChunk(page)));
  });
}

startTheme();
noticeLost();
fetchPages();
const root = document.getElementById('dashboard');
if (!root) throw new Error('the page has no #dashboard');
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
);
