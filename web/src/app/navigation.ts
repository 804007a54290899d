import { Activity, Clapperboard, Code2, LayoutDashboard, Server, Settings, Upload } from 'lucide-react';
import type { Scope } from '../api/client';

/** The pages that the side bar leads to, in order. `needs` is what one must be allowed to see them. */
export const PAGES = [
  { to: '/', label: 'Overview', icon: LayoutDashboard, key: 'o', needs: 'assets:read' },
  { to: '/videos', label: 'Videos', icon: Clapperboard, key: 'v', needs: 'assets:read' },
  { to: '/upload', label: 'Upload', icon: Upload, key: 'u', needs: 'uploads:write' },
  { to: '/jobs', label: 'Jobs', icon: Activity, key: 'j', needs: 'jobs:read' },
  { to: '/nodes', label: 'Nodes', icon: Server, key: 'n', needs: 'nodes:read' },
  { to: '/developers', label: 'Developers', icon: Code2, key: 'd', needs: 'keys:read' },
  { to: '/settings', label: 'Settings', icon: Settings, key: 's', needs: 'organization:read' },
] as const satisfies readonly { to: string; label: string; icon: unknown; key: string; needs: Scope }[];

export type PageLink = (typeof PAGES)[number];

/** How many of them the bar at the bottom of a phone has room for, beside "More". */
export const ON_PHONES = 4;
