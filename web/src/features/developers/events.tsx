import { Link } from '@tanstack/react-router';
import { ChevronDown, ChevronRight, Pause, Play, Radio } from 'lucide-react';
import { Fragment, useState } from 'react';
import { api, type Schemas } from '../../api/client';
import { useConnection } from '../../app/live-context';
import type { Told } from '../../app/tail';
import { Badge } from '../../ui/badge';
import { Button } from '../../ui/button';
import { Card, CardHead, CardItems } from '../../ui/card';
import { CodeBlock } from '../../ui/code';
import { Select } from '../../ui/field';
import { Nothing } from '../../ui/states';
import { Cell, Table } from '../../ui/table';
import { Ago } from '../../ui/time';
import { isNamed, useEventLog } from './event-log';

const SHOWN = 100;

/** Everything that happens in the organization, as it happens. */
export default function Events() {
  const { events, error } = useEventLog();
  const [pattern, setPattern] = useState('');
  // Of what comes the last events are kept: those that one has stopped to read are not pushed out by them.
  const [held, setHeld] = useState<readonly Told[] | null>(null);
  const isPaused = held !== null;
  const named = (some: readonly Told[]) => some.filter(({ type }) => isNamed(type, pattern));
  const shown = named(held ?? events ?? []);
  const waiting = held ? named(events ?? []).filter(({ seq }) => seq > (held[0]?.seq ?? 0)).length : 0;
  return (
    <Card>
      <CardHead title="Events" hint="What happens, as webhooks and GET /api/v1/events tell it.">
        <div className="flex flex-wrap items-center gap-2">
          <State isPaused={isPaused} waiting={waiting} />
          <TypeSelect value={pattern} onChange={setPattern} />
          <Button onClick={() => setHeld(isPaused ? null : (events ?? []))}>
            {isPaused ? <Play aria-hidden /> : <Pause aria-hidden />}
            {isPaused ? 'Go on' : 'Pause'}
          </Button>
        </div>
      </CardHead>
      <CardItems query={{ error }} items={events ? shown.slice(0, SHOWN) : undefined} empty={<NoEvents />}>
        {(last) => <EventTable events={last} />}
      </CardItems>
    </Card>
  );
}

function State({ isPaused, waiting }: { isPaused: boolean; waiting: number }) {
  const connection = useConnection();
  return (
    <span role="status">
      {connection === 'lost' ? (
        <Badge tone="warn">Connection lost</Badge>
      ) : isPaused ? (
        <Badge tone="accent">{waiting > 0 ? `Paused, ${waiting} new` : 'Paused'}</Badge>
      ) : (
        <Badge tone={connection === 'open' ? 'ok' : 'quiet'}>{connection === 'open' ? 'Live' : 'Connecting'}</Badge>
      )}
    </span>
  );
}

function TypeSelect({ value, onChange }: { value: string; onChange: (pattern: string) => void }) {
  const { data } = api.useQuery('get', '/api/v1/event-types');
  return (
    <div className="max-w-52">
      <Select aria-label="Only this type" value={value} onChange={(event) => onChange(event.target.value)}>
        <option value="">Every type</option>
        {[...bySubject(data?.items ?? [])].map(([subject, types]) => (
          <optgroup key={subject} label={subject}>
            <option value={`${subject}.*`}>{subject}.*</option>
            {types.map(({ name, summary }) => (
              <option key={name} value={name} title={summary}>
                {name}
              </option>
            ))}
          </optgroup>
        ))}
      </Select>
    </div>
  );
}

function bySubject(types: readonly Schemas['EventTypeView'][]): Map<string, Schemas['EventTypeView'][]> {
  const found = new Map<string, Schemas['EventTypeView'][]>();
  for (const type of types) {
    const subject = type.name.split('.', 1)[0] ?? '';
    found.set(subject, [...(found.get(subject) ?? []), type]);
  }
  return found;
}

function NoEvents() {
  return (
    <Nothing icon={<Radio />} title="Nothing of this kind yet">
      <p>What happens from now on shows up here by itself.</p>
    </Nothing>
  );
}

function EventTable({ events }: { events: readonly Told[] }) {
  const [opened, setOpened] = useState<number | null>(null);
  return (
    <Table label="Events" head={['Event', 'About', 'Number', 'When']}>
      {events.map((event) => (
        <Fragment key={event.seq}>
          <EventLine
            event={event}
            isOpen={opened === event.seq}
            onToggle={() => setOpened(opened === event.seq ? null : event.seq)}
          />
          {opened === event.seq && (
            <tr>
              <Cell colSpan={4} className="bg-sunken">
                <CodeBlock label={`Event ${event.seq}`} text={JSON.stringify(event, null, 2)} className="bg-card" />
              </Cell>
            </tr>
          )}
        </Fragment>
      ))}
    </Table>
  );
}

function EventLine({ event, isOpen, onToggle }: { event: Told; isOpen: boolean; onToggle: () => void }) {
  return (
    <tr>
      <Cell>
        <Button variant="plain" size="none" aria-expanded={isOpen} onClick={onToggle}>
          {isOpen ? <ChevronDown aria-hidden /> : <ChevronRight aria-hidden />}
          {event.type}
        </Button>
      </Cell>
      <Cell className="font-mono text-[13px]">
        {event.subject_id.startsWith('asset_') ? (
          <Link to="/videos/$assetId" params={{ assetId: event.subject_id }} className="text-primary hover:underline">
            {event.subject_id}
          </Link>
        ) : (
          event.subject_id
        )}
      </Cell>
      <Cell className="text-muted-foreground tabular-nums">{event.seq}</Cell>
      <Cell className="text-muted-foreground">
        <Ago time={event.timestamp} />
      </Cell>
    </tr>
  );
}
