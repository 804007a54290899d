import { type FormEvent, useState } from 'react';
import { api, http, type Schemas } from '../../api/client';
import { useDeed } from '../../app/deed';
import { useMay } from '../../app/session';
import { bytes } from '../../app/words';
import { Button } from '../../ui/button';
import { Card, CardBody, CardHead } from '../../ui/card';
import { Field, Input } from '../../ui/field';
import { Failed, Loading, Nothing } from '../../ui/states';

type Retained = Schemas['Retention'];
type Part = keyof Retained;

const DAY_S = 86_400;
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

/** How long things are kept, and what would go now. */
export function Retention() {
  const found = api.useQuery('get', '/api/v1/organization/retention');
  if (found.isPending) return <Loading />;
  if (found.isError) return <Failed error={found.error} onRetry={() => void found.refetch()} />;
  return (
    <div className="grid grid-cols-1 items-start gap-5 lg:grid-cols-2">
      <Kept key={JSON.stringify(found.data)} retained={found.data} />
      <WouldGo />
    </div>
  );
}

function Kept({ retained }: { retained: Retained }) {
  const mayChange = useMay('organization:write');
  const deed = useDeed();
  const [typed, setTyped] = useState<Record<Part, string>>({
    sources_s: days(retained.sources_s),
    outputs_s: days(retained.outputs_s),
    frames_s: days(retained.frames_s),
    logs_s: days(retained.logs_s),
  });
  const save = (event: FormEvent) => {
    event.preventDefault();
    const body = Object.fromEntries(
      Object.entries(typed).map(([part, text]) => [part, seconds(text)]),
    ) as unknown as Retained;
    const touches = ['/api/v1/organization/retention', '/api/v1/cleanup'];
    void deed(() => http.PATCH('/api/v1/organization/retention', { body }), { done: 'Saved.', touches });
  };
  return (
    <Card>
      <CardHead title="How long things are kept" hint="In days. What is left empty is kept for ever." />
      <CardBody>
        <form onSubmit={save} className="grid grid-cols-1 gap-4">
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
                  onChange={(event) => setTyped({ ...typed, [part]: event.target.value })}
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
      </CardBody>
    </Card>
  );
}

function WouldGo() {
  const found = api.useQuery('get', '/api/v1/cleanup', { params: { query: { limit: 100 } } });
  const items = found.data?.items ?? [];
  return (
    <Card>
      <CardHead title="What would go now" hint="Of what has been kept long enough." />
      <CardBody>
        {found.isPending ? (
          <Loading lines={2} />
        ) : found.isError ? (
          <Failed error={found.error} />
        ) : items.length === 0 ? (
          <Nothing title="Nothing" className="py-6" />
        ) : (
          <ul className="grid gap-1.5">
            {items.map((item) => (
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
      </CardBody>
    </Card>
  );
}
