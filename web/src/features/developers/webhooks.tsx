import { useQueryClient } from '@tanstack/react-query';
import { Webhook as Icon, Plus } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import { answered } from '../../api/answered';
import { api, http, type Schemas } from '../../api/client';
import { instead, told } from '../../api/problem';
import { useDeed } from '../../app/deed';
import { useOnce } from '../../app/once';
import { useMay } from '../../app/session';
import { Badge } from '../../ui/badge';
import { Button } from '../../ui/button';
import { Card, CardHead } from '../../ui/card';
import { CopyField } from '../../ui/copy';
import { Confirm, Dialog } from '../../ui/dialog';
import { Field, Input, Textarea } from '../../ui/field';
import { Failed, Loading, Nothing } from '../../ui/states';
import { Deliveries } from './deliveries';

type Webhook = Schemas['Webhook'];

/** Where the platform tells what happens: endpoints, what each gets, and what became of it. */
export function Webhooks() {
  const found = api.useQuery('get', '/api/v1/webhooks', { params: { query: { limit: 100 } } });
  const mayChange = useMay('webhooks:write');
  const [making, setMaking] = useState(false);
  const [secret, setSecret] = useState('');
  const wrong = instead(found);
  if (wrong) return <Failed error={wrong} onRetry={() => void found.refetch()} />;
  if (!found.data) return <Loading />;
  const add = mayChange && (
    <Button variant="primary" onClick={() => setMaking(true)}>
      <Plus aria-hidden /> Add an endpoint
    </Button>
  );
  return (
    <div className="grid grid-cols-1 gap-5">
      {found.data.items.length === 0 ? (
        <Card>
          <Nothing icon={<Icon />} title="No endpoints">
            <p>An endpoint is told of every event that it asks for, signed as Standard Webhooks has it.</p>
            {add}
          </Nothing>
        </Card>
      ) : (
        <>
          <div className="flex justify-end">{add}</div>
          {found.data.items.map((webhook) => (
            <Endpoint key={webhook.id} webhook={webhook} onSecret={setSecret} />
          ))}
        </>
      )}
      {making && <NewEndpoint onClose={() => setMaking(false)} onMade={(made) => setSecret(made.secret)} />}
      {secret && (
        <Dialog
          open
          onOpenChange={(open) => !open && setSecret('')}
          title="The endpoint’s secret"
          description="What comes to the endpoint is signed with it."
        >
          <CopyField label="Secret" value={secret} />
        </Dialog>
      )}
    </div>
  );
}

const TOUCHES = ['/api/v1/webhooks'];

function Endpoint({ webhook, onSecret }: { webhook: Webhook; onSecret: (secret: string) => void }) {
  const deed = useDeed();
  const mayChange = useMay('webhooks:write');
  const [asked, setAsked] = useState(false);
  const [changing, setChanging] = useState(false);
  const [open, setOpen] = useState(false);
  const path = { params: { path: { webhook_id: webhook.id } } };
  const [test] = useOnce(async () => {
    const ping = () => http.POST('/api/v1/webhooks/{webhook_id}/ping', path);
    await deed(ping, { done: 'A test is on its way.', touches: TOUCHES });
    setOpen(true);
  });
  const turn = (enabled: boolean) =>
    deed(() => http.PATCH('/api/v1/webhooks/{webhook_id}', { ...path, body: { enabled } }), { touches: TOUCHES });
  const remove = () =>
    deed(() => http.DELETE('/api/v1/webhooks/{webhook_id}', path), {
      done: 'The endpoint is removed.',
      touches: TOUCHES,
    });
  const show = async () => {
    const answer = await deed(() => http.POST('/api/v1/webhooks/{webhook_id}/secret', path), { touches: [] });
    if (answer?.data) onSecret(answer.data.secret);
  };
  return (
    <Card aria-label={webhook.url}>
      <CardHead
        title={
          <span className="flex flex-wrap items-center gap-2 [overflow-wrap:anywhere]">
            {webhook.url} <State webhook={webhook} />
          </span>
        }
        hint={webhook.description || webhook.events.join(', ')}
      >
        {mayChange && (
          <div className="flex flex-wrap gap-1">
            <Button size="sm" onClick={test}>
              Test
            </Button>
            <Button size="sm" variant="ghost" onClick={() => setChanging(true)}>
              Change
            </Button>
            <Button size="sm" variant="ghost" onClick={() => void show()}>
              Secret
            </Button>
            <Button size="sm" variant="ghost" onClick={() => void turn(!webhook.enabled)}>
              {webhook.enabled ? 'Switch off' : 'Switch on'}
            </Button>
            <Button size="sm" variant="danger" onClick={() => setAsked(true)}>
              Remove
            </Button>
          </div>
        )}
      </CardHead>
      <div className="border-t px-5 py-2.5">
        <Button variant="link" size="none" aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? 'Hide the deliveries' : 'Show the deliveries'}
        </Button>
      </div>
      {open && <Deliveries webhookId={webhook.id} />}
      {changing && <ChangedEndpoint webhook={webhook} onClose={() => setChanging(false)} />}
      <Confirm
        open={asked}
        onOpenChange={setAsked}
        title="Remove this endpoint?"
        action="Remove it"
        onConfirm={() => void remove()}
      >
        It is told of nothing any more, and its deliveries are forgotten.
      </Confirm>
    </Card>
  );
}

function State({ webhook }: { webhook: Webhook }) {
  if (!webhook.enabled) {
    const why = { failing: 'Off: it failed for days', gone: 'Off: it answered 410 Gone' };
    return <Badge tone="danger">{webhook.disabled_reason ? why[webhook.disabled_reason] : 'Off'}</Badge>;
  }
  return webhook.failing_since ? <Badge tone="warn">Failing</Badge> : <Badge tone="ok">On</Badge>;
}

interface Said {
  url: string;
  events: string[];
  description: string;
}

const USUAL: Said = { url: '', events: ['asset.*', 'job.*', 'upload.*'], description: '' };

function NewEndpoint({ onClose, onMade }: { onClose: () => void; onMade: (made: Schemas['CreatedWebhook']) => void }) {
  const make = async (said: Said) => {
    const made = await answered(http.POST('/api/v1/webhooks', { body: { ...said, enabled: true } }));
    onMade(made as Schemas['CreatedWebhook']);
  };
  return <EndpointForm title="Add an endpoint" action="Add it" said={USUAL} send={make} onClose={onClose} />;
}

function ChangedEndpoint({ webhook, onClose }: { webhook: Webhook; onClose: () => void }) {
  const path = { params: { path: { webhook_id: webhook.id } } };
  const change = (body: Said) => answered(http.PATCH('/api/v1/webhooks/{webhook_id}', { ...path, body }));
  return <EndpointForm title="Change the endpoint" action="Save" said={webhook} send={change} onClose={onClose} />;
}

interface EndpointFormProps {
  title: string;
  action: string;
  said: Said;
  /** What it throws is shown at the address. */
  send: (said: Said) => Promise<unknown>;
  onClose: () => void;
}

/** Where an endpoint is, what it is told of, what it is for. */
function EndpointForm({ title, action, said, send, onClose }: EndpointFormProps) {
  const queries = useQueryClient();
  const [url, setUrl] = useState(said.url);
  const [events, setEvents] = useState(said.events.join('\n'));
  const [description, setDescription] = useState(said.description);
  const [problem, setProblem] = useState<string>();
  const [save] = useOnce(async () => {
    const types = events.split(/[\s,]+/).filter((type) => type !== '');
    try {
      await send({ url: url.trim(), events: types, description: description.trim() });
      onClose();
      void queries.invalidateQueries({ queryKey: ['get', '/api/v1/webhooks'] });
    } catch (error) {
      setProblem(told(error).detail);
    }
  });
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    save();
  };
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title={title}>
      <form onSubmit={onSubmit} className="grid grid-cols-1 gap-4">
        <Field label="Address" problem={problem}>
          {(field) => (
            <Input
              {...field}
              type="url"
              required
              placeholder="https://example.com/hooks/video"
              value={url}
              onChange={(event) => setUrl(event.target.value)}
            />
          )}
        </Field>
        <Field label="Events" hint="One a line: a type (job.done), all of a subject (asset.*), or all (*).">
          {(field) => (
            <Textarea
              {...field}
              className="font-mono"
              value={events}
              onChange={(event) => setEvents(event.target.value)}
            />
          )}
        </Field>
        <Field label="Description" hint="What it is for.">
          {(field) => (
            <Input
              {...field}
              dir="auto"
              maxLength={200}
              value={description}
              onChange={(event) => setDescription(event.target.value)}
            />
          )}
        </Field>
        <Button type="submit" variant="primary" className="justify-self-end">
          {action}
        </Button>
      </form>
    </Dialog>
  );
}
