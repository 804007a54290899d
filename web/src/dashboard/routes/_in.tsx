import { createFileRoute, Outlet, redirect } from '@tanstack/react-router';
import { LiveProvider } from '../../app/live-context';
import { findCaller } from '../../app/session';
import { Shell } from '../../app/shell';

// Everything but the way in: whoever is not logged in is sent there, and comes back to where they wanted to go.
export const Route = createFileRoute('/_in')({
  beforeLoad: async ({ context, location }) => {
    const caller = await findCaller(context.queries);
    if (caller === null) throw redirect({ to: '/enter', search: { next: location.href } });
  },
  component: () => (
    <LiveProvider>
      <Shell>
        <Outlet />
      </Shell>
    </LiveProvider>
  ),
});
