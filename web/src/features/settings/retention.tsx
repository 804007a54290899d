import { type FormEvent, useEffect, useState } from 'react';
import { api, http, type Schemas } from '../../api/client';
import { instead } from '../../api/problem';
import { useDeed } from '../../app/deed';
import { say } from '../../app/messages';
import { useMay } from '../../app/session';
import { useTyped } from '../../app/typed';
import { bytes, count } from '../../app/words';
import { Button } from '../../ui/button';
import { Card, CardBody, CardHead, CardItems } from '../../ui/card';
import { Confirm } from '../../ui/dialog';
import { Field, Input } from '../../ui/field';
import { Failed, Loading, Nothing } from '../../ui/states';

type Retained = Schemas['Retention'];
type Part = keyof Retained;

const DAY_S = 86_400;
const TYPING_MS = 400;
const PARTS: Record<Part, { label: string; hint: string }> = {
  sources_s: { label: 'Sources', hint: 'The files that were uploaded. Without them nothing can be made anew.' },
  outputs_s: { label: 'Videos', hint: 'With everything that was made of them.' },
  frames_s: { label: 'Frames', hint: 'The ZIPs of pictures.' },
  logs_s: { label: 'Logs', hint: 'What the attempts have written.' },
};

const WHAT: Record<Schemas['Takable']['what'], string> = {
  logs: 'logs',
  source: 'source',
  frames: 'frames',
  asset: 'video',
  expiry: 'video that has expired',
};

/** How many days something is kept; empty for ever. */
export function days(seconds: number | null): string {
  return seconds === null ? '' : `${Math.round((seconds / DAY_S) * 100) / 100}`;
}

/** Seconds of what was typed as days; null for ever. */
export function seconds(text: string): number | null {
  return text.trim() === '' ? null : Math.round(Number(text) * DAY_S);
}

/** How long things are kept, and what would go by what is set, or typed. */
export function Retention() {
  const found = api.useQuery('get', '/api/v1/organization/retention');
  const wrong = instead(found);
  if (wrong) return <Failed error={wrong} onRetry={() => void found.refetch()} />;
  if (!found.data) return <Loading />;
  return <Both retained={found.data} />;
}

type Typed = Record<Part, string>;

function Both({ retained }: { retained: Retained }) {
  const [typed, setTyped] = useTyped<Typed>({
    sources_s: days(retained.sources_s),
    outputs_s: days(retained.outputs_s),
    frames_s: days(retained.frames_s),
    logs_s: days(retained.logs_s),
  });
  return (
    <div className="grid grid-cols-1 items-start gap-5 lg:grid-cols-2">
      <Kept retained={retained} typed={typed} onType={setTyped} />
      <WouldGo supposed={useLater(differing(retained, typed), TYPING_MS)} />
    </div>
  );
}

type Supposed = Partial<Record<Part, number | 'ever'>>;

/** What was typed otherwise than it is set. */
export function differing(retained: Retained, typed: Typed): Supposed {
  const parts = Object.keys(PARTS) as Part[];
  const changed = parts.filter((part) => days(retained[part]) !== typed[part].trim());
  return Object.fromEntries(changed.map((part) => [part, seconds(typed[part]) ?? 'ever']));
}

/** A value once it has stood for a while: one doesn't ask at every key. */
function useLater(value: Supposed, afterMs: number): Supposed {
  const text = JSON.stringify(value);
  const [later, setLater] = useState(text);
  useEffect(() => {
    const timer = window.setTimeout(() => setLater(text), afterMs);
    return () => window.clearTimeout(timer);
  }, [text, afterMs]);
  return JSON.parse(later) as Supposed;
}

interface KeptProps {
  retained: Retained;
  typed: Typed;
  onType: (typed: Typed) => void;
}

function Kept({ retained, typed, onType }: KeptProps) {
  const mayChange = useMay('organization:write');
  const deed = useDeed();
  const [asked, setAsked] = useState(false);
  const save = () => {
    const body = Object.fromEntries(
      Object.entries(typed).map(([part, text]) => [part, seconds(text)]),
    ) as unknown as Retained;
    const touches = ['/api/v1/organization/retention', '/api/v1/cleanup'];
    void deed(() => http.PATCH('/api/v1/organization/retention', { body }), { done: 'Saved.', touches });
  };
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    const isShorter = Object.entries(typed).some(([part, text]) => shortens(retained[part as Part], seconds(text)));
    if (isShorter) setAsked(true);
    else save();
  };
  return (
    <Card>
      <CardHead title="How long things are kept" hint="In days. What is left empty is kept for ever." />
      <CardBody>
        <form onSubmit={onSubmit} className="grid grid-cols-1 gap-4">
          {Object.entries(PARTS).map(([part, { label, hint }]) => (
            <Field key={part} label={label} hint={hint}>
              {(field) => (
                <Input
                  {...field}
                  type="number"
                  min={0}
                  step="any"
                  className="max-w-40"
                  disabled={!mayChange}
                  value={typed[part as Part]}
                  onChange={(event) => onType({ ...typed, [part]: event.target.value })}
                />
              )}
            </Field>
          ))}
          {mayChange && (
            <Button type="submit" variant="primary" className="justify-self-start">
              Save
            </Button>
          )}
        </form>
        <Confirm
          open={asked}
          onOpenChange={setAsked}
          title="Keep things for a shorter time?"
          action="Save it"
          onConfirm={save}
        >
          What is older than that goes with the next clean-up, and does not come back.
        </Confirm>
      </CardBody>
    </Card>
  );
}

/** Whether things are kept for less time than before; null is for ever. */
export function shortens(before: number | null, after: number | null): boolean {
  return after !== null && (before === null || after < before);
}

function WouldGo({ supposed }: { supposed: Supposed }) {
  const found = api.useQuery('get', '/api/v1/cleanup', { params: { query: { limit: 100, ...supposed } } });
  const isSet = Object.keys(supposed).length === 0;
  const mayChange = useMay('organization:write');
  const [asked, setAsked] = useState(false);
  const [cleaning, cleanUp] = useCleanUp();
  const items = found.data?.items ?? [];
  const size = items.reduce((sum, item) => sum + item.size_bytes, 0);
  const more = found.data?.next_cursor ? ' at least' : '';
  const hint =
    items.length > 0 ? `${count(items.length, 'thing')}, ${bytes(size)}${more}` : 'Of what has been kept long enough.';
  return (
    <Card>
      <CardHead title={isSet ? 'What would go now' : 'What would go if you saved this'} hint={hint}>
        {mayChange && isSet && items.length > 0 && (
          <Button variant="destructive" disabled={cleaning} onClick={() => setAsked(true)}>
            {cleaning ? 'Cleaning up …' : 'Clean up now'}
          </Button>
        )}
      </CardHead>
      <CardItems query={found} items={found.data?.items} lines={2} empty={<Nothing title="Nothing" small />}>
        {(all) => (
          <ul aria-label="What would go" className="grid gap-1.5 px-5 pb-5">
            {all.map((item) => (
              <li key={`${item.what} ${item.subject_id}`} className="flex justify-between gap-3">
                <span className="truncate" dir="auto">
                  {item.name || item.subject_id}
                </span>
                <span className="shrink-0 text-muted-foreground">
                  {WHAT[item.what]} · {bytes(item.size_bytes)}
                </span>
              </li>
            ))}
          </ul>
        )}
      </CardItems>
      <Confirm
        open={asked}
        onOpenChange={setAsked}
        title="Clean up now?"
        action="Clean up"
        onConfirm={() => void cleanUp()}
      >
        What is in the list goes now. Videos that have expired can be restored for a while; the rest does not come back.
      </Confirm>
    </Card>
  );
}

/** Cleans up, a part in each request, until there is no more to take. */
function useCleanUp(): [boolean, () => Promise<void>] {
  const deed = useDeed();
  const [cleaning, setCleaning] = useState(false);
  const cleanUp = async () => {
    setCleaning(true);
    let freed = 0;
    let more = true;
    while (more) {
      const answer = await deed(() => http.POST('/api/v1/cleanup'), { touches: ['/api/v1/cleanup', '/api/v1/quotas'] });
      freed += answer?.data?.freed_bytes ?? 0;
      more = answer?.data?.more ?? false;
      if (answer && !more) say(`Cleaned up: ${bytes(freed)} are free again.`);
    }
    setCleaning(false);
  };
  return [cleaning, cleanUp];
}
