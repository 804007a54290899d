import { Laptop, Terminal } from 'lucide-react';
import { api, http, type Schemas } from '../../api/client';
import { useDeed } from '../../app/deed';
import { Badge } from '../../ui/badge';
import { Button } from '../../ui/button';
import { Card, CardHead, CardItems } from '../../ui/card';
import { Ago } from '../../ui/time';
import { browserName } from '../enter/ways';

const SESSIONS = ['/api/v1/me/sessions'];

/** Where one is logged in, and a way to end it. */
export function Sessions() {
  const found = api.useQuery('get', '/api/v1/me/sessions');
  const deed = useDeed();
  const endOthers = () =>
    deed(() => http.DELETE('/api/v1/me/sessions'), { done: 'All others are logged out.', touches: SESSIONS });
  return (
    <Card>
      <CardHead title="Where you are logged in">
        {found.data && found.data.items.length > 1 && (
          <Button size="sm" onClick={() => void endOthers()}>
            Log out all others
          </Button>
        )}
      </CardHead>
      <CardItems query={found} items={found.data?.items} lines={2} empty="Nowhere.">
        {(sessions) => (
          <ul aria-label="Sessions">
            {sessions.map((session) => (
              <SessionLine key={session.id} session={session} />
            ))}
          </ul>
        )}
      </CardItems>
    </Card>
  );
}

function SessionLine({ session }: { session: Schemas['Session'] }) {
  const deed = useDeed();
  const path = { params: { path: { session_id: session.id } } };
  const end = () =>
    deed(() => http.DELETE('/api/v1/me/sessions/{session_id}', path), { done: 'Logged out there.', touches: SESSIONS });
  const Icon = session.kind === 'browser' ? Laptop : Terminal;
  return (
    <li className="flex items-center gap-3 border-t px-5 py-3">
      <Icon aria-hidden className="size-5 shrink-0 text-muted-foreground" />
      <div className="min-w-0 flex-1">
        <p className="truncate font-medium" title={session.agent}>
          {session.kind === 'browser' ? browserName(session.agent) : session.agent}{' '}
          {session.current && <Badge tone="accent">this one</Badge>}
        </p>
        <p className="text-[13px] text-muted-foreground">
          {session.address} · <Ago time={session.seen_at} />
        </p>
      </div>
      {!session.current && (
        <Button size="sm" variant="ghost" onClick={() => void end()}>
          Log out
        </Button>
      )}
    </li>
  );
}
