import { Dialog } from '../ui/dialog';
import { CheckField } from '../ui/field';
import { Keys } from '../ui/kbd';
import { useLetters, useShortcuts } from './shortcuts';

/** What the keys do on this page, and everywhere. */
export default function KeysHelp({ onClose }: { onClose: () => void }) {
  const shortcuts = useShortcuts();
  const [letters, setLetters] = useLetters();
  const groups = [...new Set(shortcuts.map(({ group }) => group))];
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title="Keys">
      <div className="grid gap-5">
        {groups.map((group) => (
          <section key={group} className="grid gap-1.5">
            <h3 className="font-medium text-[13px] text-muted-foreground">{group}</h3>
            <dl className="grid gap-1.5">
              {group === 'Everywhere' && <Line keys="⌘ K" label="Find something, or do something" />}
              {shortcuts
                .filter((shortcut) => shortcut.group === group)
                .map(({ keys, label }) => (
                  <Line key={keys} keys={keys} label={label} />
                ))}
            </dl>
          </section>
        ))}
        <CheckField label="Letters and signs do something by themselves" checked={letters} onChange={setLetters} />
      </div>
    </Dialog>
  );
}

function Line({ keys, label }: { keys: string; label: string }) {
  return (
    <div className="flex flex-row-reverse items-center justify-between gap-4">
      <dt>
        <Keys keys={keys} />
      </dt>
      <dd>{label}</dd>
    </div>
  );
}
