import { ChevronDown, ChevronRight } from 'lucide-react';
import { Fragment, useState } from 'react';
import { api, http, type Schemas } from '../../api/client';
import { useDeed } from '../../app/deed';
import { useOnce } from '../../app/once';
import { useMay } from '../../app/session';
import { Badge, type Tone } from '../../ui/badge';
import { Button } from '../../ui/button';
import { CardItems } from '../../ui/card';
import { CodeBlock } from '../../ui/code';
import { Nothing } from '../../ui/states';
import { Cell, Table } from '../../ui/table';
import { Ago } from '../../ui/time';

type Delivery = Schemas['Delivery'];

const STATES: Record<Schemas['DeliveryStatus'], { label: string; tone: Tone }> = {
  waiting: { label: 'Waiting', tone: 'warn' },
  delivered: { label: 'Delivered', tone: 'ok' },
  failed: { label: 'Failed', tone: 'danger' },
};
const LOOK_MS = 3_000;

/** What was sent to an endpoint, what it answered, and a way to send it again. */
export function Deliveries({ webhookId }: { webhookId: string }) {
  const found = api.useQuery(
    'get',
    '/api/v1/webhooks/{webhook_id}/deliveries',
    { params: { path: { webhook_id: webhookId }, query: { limit: 50 } } },
    { refetchInterval: LOOK_MS },
  );
  const [opened, setOpened] = useState('');
  const nothing = <Nothing small title="Nothing was sent yet" />;
  return (
    <CardItems query={found} items={found.data?.items} lines={2} empty={nothing}>
      {(deliveries) => (
        <Table label="Deliveries" head={['Event', 'State', 'Attempts', 'Created', '']}>
          {deliveries.map((delivery) => (
            <Fragment key={delivery.id}>
              <Line
                delivery={delivery}
                isOpen={opened === delivery.id}
                onToggle={() => setOpened(opened === delivery.id ? '' : delivery.id)}
              />
              {opened === delivery.id && (
                <tr>
                  <Cell colSpan={5} className="bg-sunken">
                    <Exchange delivery={delivery} />
                  </Cell>
                </tr>
              )}
            </Fragment>
          ))}
        </Table>
      )}
    </CardItems>
  );
}

function Line({ delivery, isOpen, onToggle }: { delivery: Delivery; isOpen: boolean; onToggle: () => void }) {
  const deed = useDeed();
  const mayChange = useMay('webhooks:write');
  const { label, tone } = STATES[delivery.status];
  const path = { params: { path: { webhook_id: delivery.webhook_id, delivery_id: delivery.id } } };
  const [replay] = useOnce(() =>
    deed(() => http.POST('/api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/replay', path), {
      done: 'It is sent again.',
      touches: ['/api/v1/webhooks'],
    }),
  );
  const last = delivery.attempts.at(-1);
  return (
    <tr>
      <Cell>
        <Button variant="plain" size="none" aria-expanded={isOpen} onClick={onToggle}>
          {isOpen ? <ChevronDown aria-hidden /> : <ChevronRight aria-hidden />}
          {delivery.type}
        </Button>
      </Cell>
      <Cell>
        <Badge tone={tone}>{label}</Badge>
        {last?.response_status && (
          <span className="ml-2 text-[13px] text-muted-foreground">{last.response_status}</span>
        )}
      </Cell>
      <Cell className="tabular-nums">{delivery.attempts.length}</Cell>
      <Cell className="text-muted-foreground">
        <Ago time={delivery.created_at} />
      </Cell>
      <Cell className="text-right">
        {mayChange && (
          <Button size="sm" variant="ghost" onClick={replay}>
            Send again
          </Button>
        )}
      </Cell>
    </tr>
  );
}

function Exchange({ delivery }: { delivery: Delivery }) {
  return (
    <div className="grid grid-cols-1 gap-3">
      <Text name="Sent" text={delivery.request_body} />
      {delivery.attempts.map((attempt) => (
        <Text
          key={attempt.started_at}
          name={`Answer${attempt.response_status ? ` ${attempt.response_status}` : ''}, after ${attempt.latency_ms} ms`}
          text={attempt.response_body}
          problem={attempt.error_detail}
        />
      ))}
    </div>
  );
}

function Text({ name, text, problem = null }: { name: string; text: string; problem?: string | null }) {
  return (
    <div className="grid grid-cols-1 gap-1">
      <p className="text-[13px] text-muted-foreground">{name}</p>
      {problem && <p className="text-[13px] text-destructive [overflow-wrap:anywhere]">{problem}</p>}
      {text ? <CodeBlock label={name} text={text} /> : <p className="text-[13px] text-muted-foreground">Nothing.</p>}
    </div>
  );
}
