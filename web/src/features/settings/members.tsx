import { Users } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import { api, http, type Schemas } from '../../api/client';
import { instead } from '../../api/problem';
import { useDeed } from '../../app/deed';
import { useOnce } from '../../app/once';
import { useCaller, useMay } from '../../app/session';
import { date } from '../../app/words';
import { Badge } from '../../ui/badge';
import { Button } from '../../ui/button';
import { Card, CardBody, CardHead, CardItems } from '../../ui/card';
import { Confirm } from '../../ui/dialog';
import { Field, Input, Select } from '../../ui/field';
import { Failed, Nothing } from '../../ui/states';
import { Cell, Table } from '../../ui/table';
import { Ago } from '../../ui/time';

type Role = Schemas['Role'];
type Member = Schemas['Member'];

const ROLES: Record<Role, string> = {
  viewer: 'Viewer: sees everything, changes nothing',
  editor: 'Editor: uploads and changes videos',
  admin: 'Admin: keys, webhooks and members too',
  owner: 'Owner: may give the organization away',
};
const ORDER: readonly Role[] = ['viewer', 'editor', 'admin', 'owner'];
const TOUCHES = ['/api/v1/members', '/api/v1/invitations'];
// Who hands the organization over may do less from then on.
const ALL_OF_IT = [...TOUCHES, '/api/v1/caller', '/api/v1/organization'];

/** The roles that one may give: none that may do more than one may oneself. */
export function givable(own: Role | null): Role[] {
  return own === null ? ORDER.slice(0, 3) : ORDER.slice(0, ORDER.indexOf(own) + 1);
}

/** Who is in the organization, and who was asked to come. */
export function Members() {
  const mayChange = useMay('members:write');
  return (
    <div className="grid grid-cols-1 gap-5">
      <MemberList mayChange={mayChange} />
      <Invitations mayChange={mayChange} />
    </div>
  );
}

function MemberList({ mayChange }: { mayChange: boolean }) {
  const found = api.useQuery('get', '/api/v1/members', { params: { query: { limit: 100 } } });
  const nobody = (
    <Nothing icon={<Users />} title="Nobody yet">
      <p>Invite somebody, and they log in with a password of their own.</p>
    </Nothing>
  );
  return (
    <Card>
      <CardHead title="Members" />
      <CardItems query={found} items={found.data?.items} empty={nobody}>
        {(members) => (
          <>
            <Table label="Members" head={['Name', 'E-mail address', 'Role', 'Since', '']}>
              {members.map((member) => (
                <MemberLine key={member.person_id} member={member} mayChange={mayChange} />
              ))}
            </Table>
            <Handover members={members} />
          </>
        )}
      </CardItems>
    </Card>
  );
}

function MemberLine({ member, mayChange }: { member: Member; mayChange: boolean }) {
  const caller = useCaller();
  const deed = useDeed();
  const [asked, setAsked] = useState(false);
  const isMe = member.person_id === caller.person_id;
  const path = { params: { path: { person_id: member.person_id } } };
  const roles = givable(caller.role);
  const may = mayChange && !isMe && roles.includes(member.role);
  const change = (role: Role) =>
    deed(() => http.PATCH('/api/v1/members/{person_id}', { ...path, body: { role } }), {
      done: 'Saved.',
      touches: TOUCHES,
    });
  const remove = () =>
    deed(() => http.DELETE('/api/v1/members/{person_id}', path), {
      done: `${member.email} is no member any more.`,
      touches: TOUCHES,
    });
  return (
    <tr>
      <Cell className="font-medium" dir="auto">
        {member.name} {isMe && <Badge tone="accent">you</Badge>}
      </Cell>
      <Cell className="text-muted-foreground">{member.email}</Cell>
      <Cell>
        {may ? (
          <Select
            aria-label={`Role of ${member.email}`}
            value={member.role}
            onChange={(event) => void change(event.target.value as Role)}
          >
            {roles.map((role) => (
              <option key={role} value={role}>
                {role}
              </option>
            ))}
          </Select>
        ) : (
          member.role
        )}
      </Cell>
      <Cell className="text-muted-foreground">
        <Ago time={member.joined_at} />
      </Cell>
      <Cell className="text-right">
        {may && (
          <Button size="sm" variant="danger" aria-label={`Remove ${member.email}`} onClick={() => setAsked(true)}>
            Remove
          </Button>
        )}
        <Confirm
          open={asked}
          onOpenChange={setAsked}
          title="Remove this member?"
          action="Remove"
          onConfirm={() => void remove()}
        >
          {member.email} sees nothing of the organization from then on. They can be invited again.
        </Confirm>
      </Cell>
    </tr>
  );
}

/** For owners: another member is the owner, and they are an admin. */
function Handover({ members }: { members: readonly Member[] }) {
  const caller = useCaller();
  const mayGive = useMay('ownership:write');
  const deed = useDeed();
  const [to, setTo] = useState('');
  const [asked, setAsked] = useState(false);
  const others = members.filter(({ person_id }) => person_id !== caller.person_id);
  const next = others.find(({ person_id }) => person_id === to) ?? others[0];
  if (!mayGive || caller.person_id === null || !next) return null;
  const give = () =>
    deed(() => http.POST('/api/v1/organization/transfer', { body: { person_id: next.person_id } }), {
      done: `${next.email} is the owner now, and you are an admin.`,
      touches: ALL_OF_IT,
    });
  return (
    <CardBody className="flex flex-wrap items-end justify-between gap-3 border-t pt-4">
      <Field label="Hand the organization over to" hint="They are its owner then, and you are an admin.">
        {(field) => (
          <Select {...field} value={next.person_id} onChange={(event) => setTo(event.target.value)}>
            {others.map(({ person_id, email }) => (
              <option key={person_id} value={person_id}>
                {email}
              </option>
            ))}
          </Select>
        )}
      </Field>
      <Button variant="destructive" onClick={() => setAsked(true)}>
        Hand it over
      </Button>
      <Confirm
        open={asked}
        onOpenChange={setAsked}
        title="Hand the organization over?"
        action={`Make ${next.email} the owner`}
        onConfirm={() => void give()}
      >
        {next.email} may then do everything here, and also take your membership away. You are an admin from then on, and
        only they can give the organization back.
      </Confirm>
    </CardBody>
  );
}

function Invitations({ mayChange }: { mayChange: boolean }) {
  const found = api.useQuery('get', '/api/v1/invitations', { params: { query: { limit: 100 } } });
  const deed = useDeed();
  const revoke = (invitation: Schemas['Invitation']) =>
    deed(
      () => http.DELETE('/api/v1/invitations/{invitation_id}', { params: { path: { invitation_id: invitation.id } } }),
      { done: 'The invitation is taken back.', touches: TOUCHES },
    );
  const wrong = instead(found);
  if (!mayChange && !found.data?.items.length) return null;
  return (
    <Card>
      <CardHead title="Invitations" hint="Each is a link in a mail, good for a week." />
      {mayChange && (
        <CardBody>
          <InviteForm />
        </CardBody>
      )}
      {wrong !== null && <Failed error={wrong} onRetry={() => void found.refetch()} />}
      {wrong === null && found.data && found.data.items.length > 0 && (
        <Table label="Invitations" head={['E-mail address', 'Role', 'Good until', '']}>
          {found.data.items.map((invitation) => (
            <tr key={invitation.id}>
              <Cell className="font-medium">{invitation.email}</Cell>
              <Cell>{invitation.role}</Cell>
              <Cell className="text-muted-foreground">{date(invitation.expires_at)}</Cell>
              <Cell className="text-right">
                {mayChange && (
                  <Button
                    size="sm"
                    variant="ghost"
                    aria-label={`Take back the invitation of ${invitation.email}`}
                    onClick={() => void revoke(invitation)}
                  >
                    Take back
                  </Button>
                )}
              </Cell>
            </tr>
          ))}
        </Table>
      )}
    </Card>
  );
}

function InviteForm() {
  const deed = useDeed();
  const caller = useCaller();
  const [email, setEmail] = useState('');
  const [role, setRole] = useState<Role>('viewer');
  const [invite] = useOnce(async () => {
    const body = { email: email.trim(), role };
    const done = await deed(() => http.POST('/api/v1/invitations', { body }), {
      done: `${email} is invited.`,
      touches: TOUCHES,
    });
    if (done) setEmail((now) => (now === email ? '' : now));
  });
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    invite();
  };
  return (
    <form onSubmit={onSubmit} className="flex flex-wrap items-end gap-3">
      <div className="min-w-56 flex-1">
        <Field label="E-mail address">
          {(field) => (
            <Input {...field} type="email" required value={email} onChange={(event) => setEmail(event.target.value)} />
          )}
        </Field>
      </div>
      <Field label="Role">
        {(field) => (
          <Select {...field} value={role} onChange={(event) => setRole(event.target.value as Role)}>
            {givable(caller.role).map((one) => (
              <option key={one} value={one}>
                {ROLES[one]}
              </option>
            ))}
          </Select>
        )}
      </Field>
      <Button type="submit" variant="primary">
        Invite
      </Button>
    </form>
  );
}
