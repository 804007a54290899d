import { useNavigate } from '@tanstack/react-router';
import { Command } from 'cmdk';
import { Clapperboard, Keyboard, Monitor, Moon, Sun } from 'lucide-react';
import { type ReactNode, useDeferredValue, useEffect, useState } from 'react';
import { api } from '../api/client';
import { titleOf } from '../features/videos/asset';
import { useFocusReturn } from '../ui/focus-return';
import { Keys } from '../ui/kbd';
import type { PageLink } from './navigation';
import { useShortcuts } from './shortcuts';
import { setTheme } from './theme';

const ITEM =
  'flex cursor-pointer items-center gap-3 rounded-md px-3 py-2 data-[selected=true]:bg-muted [&_svg]:size-4 [&_svg]:shrink-0 [&_svg]:text-muted-foreground';
const HEADING =
  '[&_[cmdk-group-heading]]:px-3 [&_[cmdk-group-heading]]:py-1.5 [&_[cmdk-group-heading]]:text-[13px] [&_[cmdk-group-heading]]:text-muted-foreground';
const FOUND = 8;
const LONGEST = 200; // what the API looks for
const THEMES = [
  ['light', 'Light theme', Sun],
  ['dark', 'Dark theme', Moon],
  ['system', 'Theme of the system', Monitor],
] as const;

interface PaletteProps {
  pages: readonly PageLink[];
  onClose: () => void;
}

/** Finds videos and pages, and does what can be done from everywhere. */
export default function Palette({ pages, onClose }: PaletteProps) {
  useFocusReturn(true);
  const [text, setText] = useState('');
  const navigate = useNavigate();
  const wanted = useDeferredValue(text.trim());
  const { data } = api.useQuery('get', '/api/v1/assets', { params: { query: { q: wanted, limit: FOUND } } });
  const matches = (label: string) => label.toLowerCase().includes(wanted.toLowerCase());
  const does = useShortcuts().filter(({ group, label }) => group === 'Everywhere' && matches(label));
  const themes = THEMES.filter(([, label]) => matches(label));
  const places = pages.filter((page) => matches(page.label));
  const others = [
    ...places.map(({ to }) => to),
    ...does.map(({ keys }) => `key ${keys}`),
    ...themes.map(([name]) => name),
  ];
  const first = data?.items[0]?.id ?? others[0] ?? '';
  const [chosen, setChosen] = useState<string>(first);
  // What was found last comes first, and is what Enter opens.
  useEffect(() => setChosen(first), [first]);
  const act = (run: () => unknown) => () => {
    onClose();
    run();
  };
  const item = (value: string, icon: ReactNode, label: ReactNode, run: () => unknown) => (
    <Command.Item key={value} value={value} onSelect={act(run)} className={ITEM}>
      {icon}
      {label}
    </Command.Item>
  );
  return (
    <Command.Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      label="Find or do something"
      shouldFilter={false}
      value={chosen}
      onValueChange={setChosen}
      overlayClassName="fixed inset-0 z-40 bg-black/55"
      contentClassName="fixed top-[12dvh] left-1/2 z-50 w-[calc(100vw-2rem)] max-w-xl -translate-x-1/2 overflow-hidden rounded-xl border bg-card shadow-2xl"
    >
      <Command.Input
        value={text}
        onValueChange={setText}
        maxLength={LONGEST}
        placeholder="Find a video or a page …"
        className="h-12 w-full border-b bg-transparent px-4 text-base outline-none placeholder:text-muted-foreground"
      />
      <Command.List className="max-h-[55dvh] overflow-y-auto p-1.5">
        <Command.Empty className="px-4 py-8 text-center text-muted-foreground">
          Nothing has this in its name.
        </Command.Empty>
        <Command.Group heading="Videos" className={HEADING}>
          {(data?.items ?? []).map((asset) =>
            item(
              asset.id,
              <Clapperboard aria-hidden />,
              <span className="truncate" dir="auto">
                {titleOf(asset)}
              </span>,
              () => navigate({ to: '/videos/$assetId', params: { assetId: asset.id } }),
            ),
          )}
        </Command.Group>
        <Command.Group heading="Go to" className={HEADING}>
          {places.map(({ to, label, icon: Icon }) => item(to, <Icon aria-hidden />, label, () => navigate({ to })))}
        </Command.Group>
        <Command.Group heading="Do" className={HEADING}>
          {does.map(({ keys, label, run }) =>
            item(`key ${keys}`, <Keyboard aria-hidden />, <Deed label={label} keys={keys} />, run),
          )}
          {themes.map(([theme, label, Icon]) => item(theme, <Icon aria-hidden />, label, () => setTheme(theme)))}
        </Command.Group>
      </Command.List>
    </Command.Dialog>
  );
}

/** What can be done, with the keys that do it as well. */
function Deed({ label, keys }: { label: string; keys: string }) {
  return (
    <>
      <span className="flex-1">{label}</span>
      <span aria-hidden>
        <Keys keys={keys} />
      </span>
    </>
  );
}
