import { Link, useMatchRoute, useNavigate } from '@tanstack/react-router';
import { Braces, Ellipsis, PanelLeft, Search, WifiOff } from 'lucide-react';
import { type ReactNode, Suspense, useEffect, useRef, useState } from 'react';
import { Button } from '../ui/button';
import { cn } from '../ui/cn';
import { Keys } from '../ui/kbd';
import { useConnection } from './live-context';
import { Mark } from './mark';
import { ON_PHONES, PAGES, type PageLink } from './navigation';
import { FactorWanted, NoOrganization } from './no-organization';
import { Optional } from './optional';
import { OrganizationMenu } from './organization-menu';
import { part } from './part';
import { PersonMenu } from './person-menu';
import { useRemembered } from './remembered';
import { useCaller } from './session';
import { isCovered, listenForShortcuts, useShortcut } from './shortcuts';

const Drawer = part(async () => ({ default: (await import('../ui/dialog')).Drawer }));
const OVER = {
  palette: part(() => import('./palette')),
  keys: part(() => import('./keys-help')),
  code: part(() => import('../features/developers/code-panel')),
};
type Over = keyof typeof OVER;

/** What is around every page: where one can go, where one works, and what one can do by keyboard. */
export function Shell({ children }: { children: ReactNode }) {
  const { scopes, organization_id } = useCaller();
  const isAtOwn = useMatchRoute()({ to: '/settings' }) !== false; // one's own account is there in any case
  const pages = PAGES.filter((page) => scopes.includes(page.needs));
  const [sideBar, setSideBar] = useRemembered('side-bar', 'wide');
  const [over, setOver] = useState<Over | null>(null);
  const open = (one: Over) => {
    void OVER[one].load().catch(() => undefined);
    setOver(one);
  };
  const toggleSideBar = () => setSideBar(sideBar === 'wide' ? 'narrow' : 'wide');
  useEffect(listenForShortcuts, []);
  usePalette(() => open('palette'));
  useShortcut('?', 'Show the keys', 'Everywhere', () => open('keys'));
  useShortcut('c', 'Show as code what the page did', 'Everywhere', () => open('code'));
  useShortcut('[', 'Fold the side bar', 'Everywhere', toggleSideBar);
  return (
    <div className="flex h-dvh">
      <a
        href="#main"
        className="fixed top-2 left-2 z-50 -translate-y-16 rounded-lg bg-primary px-3 py-2 font-medium text-primary-foreground focus:translate-y-0"
      >
        Skip to the page
      </a>
      {pages.map((page) => (
        <GoKey key={page.to} page={page} />
      ))}
      <SideBar pages={pages} narrow={sideBar === 'narrow'} onToggle={toggleSideBar} />
      <div className="flex min-w-0 flex-1 flex-col">
        <header className="flex h-13 shrink-0 items-center gap-2 border-b px-3 md:px-5">
          <OrganizationMenu />
          <div className="flex-1" />
          <ConnectionLost />
          <Button variant="field" size="sm" onClick={() => open('palette')}>
            <Search aria-hidden />
            <span className="max-sm:sr-only">Find</span>
            <span aria-hidden className="max-sm:hidden">
              <Keys keys="⌘ K" />
            </span>
          </Button>
          <Button
            variant="ghost"
            size="icon-sm"
            aria-label="Code of what this page did"
            title="Code of what this page did"
            onClick={() => open('code')}
          >
            <Braces />
          </Button>
          <PersonMenu onKeys={() => open('keys')} />
        </header>
        <main id="main" tabIndex={-1} className="min-h-0 flex-1 overflow-y-auto outline-none">
          {isAtOwn || scopes.length > 0 ? children : organization_id === null ? <NoOrganization /> : <FactorWanted />}
        </main>
        <BottomBar pages={pages} />
      </div>
      {over && <Overlay key={over} one={over} pages={pages} onClose={() => setOver(null)} />}
    </div>
  );
}

interface OverlayProps extends BarProps {
  one: Over;
  onClose: () => void;
}

/** What is opened over the page; where its code can't be had, the page stays as it is. */
function Overlay({ one, pages, onClose }: OverlayProps) {
  return (
    <Optional onLost={onClose}>
      <Suspense fallback={<div hidden data-opening />}>
        {one === 'palette' && <OVER.palette pages={pages} onClose={onClose} />}
        {one === 'keys' && <OVER.keys onClose={onClose} />}
        {one === 'code' && <OVER.code onClose={onClose} />}
      </Suspense>
    </Optional>
  );
}

function GoKey({ page }: { page: PageLink }) {
  const navigate = useNavigate();
  useShortcut(`g ${page.key}`, `Go to ${page.label}`, 'Go', () => void navigate({ to: page.to }));
  return null;
}

function usePalette(open: () => void): void {
  const latest = useRef(open);
  latest.current = open;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const isOther = !(event.metaKey || event.ctrlKey) || event.altKey || event.shiftKey;
      if (event.key.toLowerCase() !== 'k' || isOther) return;
      event.preventDefault();
      if (!isCovered()) latest.current(); // what is typed into a dialog, or shown there once, is not left for it
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);
}

function ConnectionLost() {
  const lost = useConnection() === 'lost';
  return (
    <p role="status" className={cn('flex items-center gap-1.5 text-[13px] text-warn', !lost && 'sr-only')}>
      {lost && (
        <>
          <WifiOff aria-hidden className="size-4" />
          <span className="max-sm:sr-only">Connection lost, trying again …</span>
        </>
      )}
    </p>
  );
}

const ENTRY =
  'flex h-9 items-center gap-3 rounded-lg px-2.5 text-muted-foreground no-underline hover:bg-muted hover:text-foreground data-[status=active]:bg-muted data-[status=active]:font-medium data-[status=active]:text-foreground [&_svg]:size-4.5 [&_svg]:shrink-0';

function Entry({ page, narrow = false, onClick }: { page: PageLink; narrow?: boolean; onClick?: () => void }) {
  const Icon = page.icon;
  return (
    <Link
      to={page.to}
      activeOptions={{ exact: page.to === '/' }}
      className={ENTRY}
      {...(narrow ? { title: page.label } : {})}
      {...(onClick ? { onClick } : {})}
    >
      <Icon aria-hidden />
      <span className={cn(narrow && 'sr-only')}>{page.label}</span>
    </Link>
  );
}

interface BarProps {
  pages: readonly PageLink[];
}

function SideBar({ pages, narrow, onToggle }: BarProps & { narrow: boolean; onToggle: () => void }) {
  return (
    <aside className={cn('flex shrink-0 flex-col border-r bg-sunken p-3 max-md:hidden', narrow ? 'w-16' : 'w-56')}>
      <Link to="/" className="mb-4 flex h-8 items-center gap-2.5 px-2.5 font-semibold no-underline">
        <Mark />
        <span className={cn(narrow && 'sr-only')}>VidCompute</span>
      </Link>
      <nav aria-label="Pages" className="grid gap-0.5">
        {pages.map((page) => (
          <Entry key={page.to} page={page} narrow={narrow} />
        ))}
      </nav>
      <Button
        variant="ghost"
        size="icon"
        className="mt-auto"
        aria-label={narrow ? 'Unfold the side bar' : 'Fold the side bar'}
        aria-expanded={!narrow}
        onClick={onToggle}
      >
        <PanelLeft />
      </Button>
    </aside>
  );
}

const TILE =
  'flex flex-1 flex-col items-center gap-0.5 py-1.5 text-[11px] text-muted-foreground no-underline data-[status=active]:text-primary [&_svg]:size-5';

function BottomBar({ pages }: BarProps) {
  const [open, setOpen] = useState(false);
  const shown = pages.slice(0, ON_PHONES);
  const rest = pages.slice(ON_PHONES);
  const show = () => {
    void Drawer.load().catch(() => undefined);
    setOpen(true);
  };
  return (
    <nav aria-label="Pages" className="flex shrink-0 border-t bg-sunken pb-[env(safe-area-inset-bottom)] md:hidden">
      {shown.map(({ to, label, icon: Icon }) => (
        <Link key={to} to={to} activeOptions={{ exact: to === '/' }} className={TILE}>
          <Icon aria-hidden />
          {label}
        </Link>
      ))}
      {rest.length > 0 && (
        <button type="button" className={TILE} onClick={show}>
          <Ellipsis aria-hidden />
          More
        </button>
      )}
      {open && (
        <Optional onLost={() => setOpen(false)}>
          <Suspense>
            <Drawer open onOpenChange={setOpen} title="More pages">
              {rest.map((page) => (
                <Entry key={page.to} page={page} onClick={() => setOpen(false)} />
              ))}
            </Drawer>
          </Suspense>
        </Optional>
      )}
    </nav>
  );
}
