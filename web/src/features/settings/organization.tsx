import { ImageUp } from 'lucide-react';
import { type FormEvent, useRef, useState } from 'react';
import { api, http, type Schemas } from '../../api/client';
import { instead } from '../../api/problem';
import { useDeed } from '../../app/deed';
import { leaveFor } from '../../app/leave';
import { chooseOrganization } from '../../app/organization';
import { OrganizationMark } from '../../app/organization-mark';
import { useCaller, useMay } from '../../app/session';
import { useTyped } from '../../app/typed';
import { date } from '../../app/words';
import { Button } from '../../ui/button';
import { Card, CardBody, CardHead } from '../../ui/card';
import { Confirm } from '../../ui/dialog';
import { CheckField, Field, Input } from '../../ui/field';
import { Failed, Loading } from '../../ui/states';

type Organization = Schemas['Organization'];

const TOUCHES = ['/api/v1/organization'];

/** What the organization is called, how it looks, what it demands of its members; and the way out of it. */
export function OrganizationSettings() {
  const found = api.useQuery('get', '/api/v1/organization');
  const { person_id } = useCaller();
  const wrong = instead(found);
  if (wrong) return <Failed error={wrong} onRetry={() => void found.refetch()} />;
  if (!found.data) return <Loading lines={3} />;
  return (
    <div className="grid grid-cols-1 items-start gap-5 lg:grid-cols-2">
      <NameForm organization={found.data} />
      <div className="grid grid-cols-1 gap-5">
        <Logo organization={found.data} />
        <Demand organization={found.data} />
        {person_id !== null && <Leave name={found.data.name} />}
      </div>
    </div>
  );
}

// What is null stays as it is.
const AS_IT_IS = { name: null, slug: null, second_factor_required: null };

function NameForm({ organization }: { organization: Organization }) {
  const mayChange = useMay('organization:write');
  const deed = useDeed();
  const [name, setName] = useTyped(organization.name);
  const [slug, setSlug] = useTyped(organization.slug ?? '');
  const save = (event: FormEvent) => {
    event.preventDefault();
    const body = { ...AS_IT_IS, name: name.trim(), slug: slug.trim() || null };
    void deed(() => http.PATCH('/api/v1/organization', { body }), { done: 'Saved.', touches: TOUCHES });
  };
  return (
    <Card>
      <CardHead title="Organization" hint={`Since ${date(organization.created_at)}`} />
      <CardBody>
        <form onSubmit={save} className="grid grid-cols-1 gap-4">
          <Field label="Name">
            {(field) => (
              <Input
                {...field}
                dir="auto"
                required
                maxLength={200}
                disabled={!mayChange}
                value={name}
                onChange={(event) => setName(event.target.value)}
              />
            )}
          </Field>
          <Field label="Slug" hint="A short name for addresses and for the X-Organization header.">
            {(field) => (
              <Input
                {...field}
                required={organization.slug !== null} // one that is there can be changed, and not taken away
                maxLength={60}
                disabled={!mayChange}
                value={slug}
                onChange={(event) => setSlug(event.target.value)}
              />
            )}
          </Field>
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

function Logo({ organization }: { organization: Organization }) {
  const mayChange = useMay('organization:write');
  const deed = useDeed();
  const chooser = useRef<HTMLInputElement>(null);
  const send = (file: File) => {
    const headers = { 'Content-Type': file.type || 'application/octet-stream' };
    const put = () =>
      http.PUT('/api/v1/organization/logo', {
        headers,
        body: file as never,
        bodySerializer: (body: unknown) => body as File,
      });
    void deed(put, { done: 'This is the logo now.', touches: TOUCHES });
  };
  const remove = () =>
    deed(() => http.DELETE('/api/v1/organization/logo'), { done: 'There is no logo any more.', touches: TOUCHES });
  return (
    <Card>
      <CardHead title="Logo" hint="A PNG, JPEG or WebP. Members see it where they choose among organizations." />
      <CardBody className="flex flex-wrap items-center gap-4">
        <OrganizationMark organization={organization} large />
        {mayChange && (
          <div className="flex flex-wrap gap-2">
            <input
              ref={chooser}
              type="file"
              accept="image/png,image/jpeg,image/webp"
              aria-label="File of the logo"
              className="sr-only"
              tabIndex={-1}
              onChange={(event) => {
                const file = event.target.files?.[0];
                if (file) send(file);
                event.target.value = ''; // the same file may be chosen again
              }}
            />
            <Button onClick={() => chooser.current?.click()}>
              <ImageUp aria-hidden /> {organization.logo_digest ? 'Choose another' : 'Choose a logo'}
            </Button>
            {organization.logo_digest && (
              <Button variant="ghost" onClick={() => void remove()}>
                Take it away
              </Button>
            )}
          </div>
        )}
      </CardBody>
    </Card>
  );
}

function Demand({ organization }: { organization: Organization }) {
  const mayChange = useMay('organization:write');
  const deed = useDeed();
  const [asked, setAsked] = useState(false);
  const demand = (second_factor_required: boolean) =>
    deed(() => http.PATCH('/api/v1/organization', { body: { ...AS_IT_IS, second_factor_required } }), {
      done: second_factor_required ? 'Members need a second factor now.' : 'Members need no second factor any more.',
      touches: TOUCHES,
    });
  return (
    <Card>
      <CardHead title="Second factor" hint="A code of an authenticator app beside the password." />
      <CardBody>
        {mayChange ? (
          <CheckField
            label="Every member needs one"
            checked={organization.second_factor_required}
            onChange={(checked) => (checked ? setAsked(true) : void demand(false))}
          />
        ) : (
          <p>{organization.second_factor_required ? 'Every member needs one.' : 'Members may do without.'}</p>
        )}
      </CardBody>
      <Confirm
        open={asked}
        onOpenChange={setAsked}
        title="Demand a second factor?"
        action="Demand it"
        onConfirm={() => void demand(true)}
      >
        Who has none can do nothing here until they have set one up. You need one first. API keys go on as before.
      </Confirm>
    </Card>
  );
}

function Leave({ name }: { name: string }) {
  const deed = useDeed();
  const [asked, setAsked] = useState(false);
  const leave = async () => {
    if (!(await deed(() => http.POST('/api/v1/organization/leave'), { touches: [] }))) return;
    chooseOrganization('');
    leaveFor('/dashboard/');
  };
  return (
    <Card>
      <CardHead title="Leave" hint="You are no member from then on. What you made stays.">
        <Button variant="destructive" onClick={() => setAsked(true)}>
          Leave the organization
        </Button>
      </CardHead>
      <Confirm
        open={asked}
        onOpenChange={setAsked}
        title="Leave this organization?"
        action="Leave it"
        onConfirm={() => void leave()}
      >
        You see nothing of <span dir="auto">{name}</span> from then on, until somebody invites you again.
      </Confirm>
    </Card>
  );
}
