import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import {
  createMemoryHistory,
  createRootRoute,
  createRoute,
  createRouter,
  Outlet,
  RouterProvider,
} from '@tanstack/react-router';
import { render } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { type ReactNode, Suspense } from 'react';
import { Messages } from '../ui/messages';

const ELSEWHERE = [
  '/enter',
  '/verify',
  '/register',
  '/forgot',
  '/videos',
  '/videos/$assetId',
  '/upload',
  '/jobs',
  '/nodes',
  '/developers',
  '/settings',
] as const;

/** Shows something as a page of the dashboard, whose links lead somewhere. */
export async function show(page: ReactNode) {
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  const root = createRootRoute({
    component: () => (
      <>
        <Outlet />
        <Messages />
      </>
    ),
  });
  const home = createRoute({ getParentRoute: () => root, path: '/', component: () => <Suspense>{page}</Suspense> });
  const others = ELSEWHERE.map((path) =>
    createRoute({ getParentRoute: () => root, path, component: () => `at ${path}` }),
  );
  const router = createRouter({
    routeTree: root.addChildren([home, ...others]),
    history: createMemoryHistory({ initialEntries: ['/'] }),
  });
  await router.load();
  const shown = render(
    <QueryClientProvider client={queries}>
      <RouterProvider router={router as never} />
    </QueryClientProvider>,
  );
  return { ...shown, queries, router, user: userEvent.setup() };
}
