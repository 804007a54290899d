import { useState } from 'react';
import { changes, lastMade, type Made } from '../../api/made';
import { CodeBlock } from '../../ui/code';
import { Dialog } from '../../ui/dialog';
import { Field, Select } from '../../ui/field';
import { Nothing } from '../../ui/states';
import { TabPanel, Tabs } from '../../ui/tabs';
import { LANGUAGES, type Language, snippet } from './snippets';

/** What the page has just done, as a program would do it. */
export default function CodePanel({ onClose }: { onClose: () => void }) {
  const [made] = useState(lastMade);
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="As code"
      description="What this page has just done, for your own programs. Your key stands in VIDCOMPUTE_KEY."
      width="max-w-2xl"
    >
      {made.length === 0 ? <Nothing small title="Nothing was asked of the API yet" /> : <Code made={made} />}
    </Dialog>
  );
}

function Code({ made }: { made: readonly Made[] }) {
  const [changed, read] = [made.filter(changes), made.filter((one) => !changes(one))];
  const all = [...changed, ...read];
  const [chosen, setChosen] = useState(0);
  const [language, setLanguage] = useState<Language>('curl');
  const shown = all[chosen];
  if (!shown) return null;
  const options = (group: readonly Made[]) =>
    group.map((one) => (
      <option key={all.indexOf(one)} value={all.indexOf(one)}>
        {nameOf(one)}
      </option>
    ));
  return (
    <div className="grid grid-cols-1 gap-4">
      <Field label="Request">
        {(field) => (
          <Select
            {...field}
            wide
            className="font-mono text-[13px]"
            value={chosen}
            onChange={(event) => setChosen(Number(event.target.value))}
          >
            {changed.length > 0 && <optgroup label="Changed">{options(changed)}</optgroup>}
            {read.length > 0 && <optgroup label="Read">{options(read)}</optgroup>}
          </Select>
        )}
      </Field>
      <Tabs
        label="Language"
        value={language}
        onChange={(next) => setLanguage(next as Language)}
        tabs={LANGUAGES.map((value) => ({ value, label: value }))}
      >
        <TabPanel value={language}>
          <CodeBlock label={`The request in ${language}`} text={snippet(shown, language)} />
        </TabPanel>
      </Tabs>
    </div>
  );
}

function nameOf({ method, url }: Made): string {
  const { pathname, search } = new URL(url);
  return `${method} ${pathname}${decodeURIComponent(search)}`;
}
