import { type FormEvent, useState } from 'react';
import { api, http, type Schemas } from '../../api/client';
import { useDeed } from '../../app/deed';
import { useMay } from '../../app/session';
import { date } from '../../app/words';
import { Button } from '../../ui/button';
import { Card, CardBody, CardHead } from '../../ui/card';
import { Field, Input } from '../../ui/field';
import { Failed, Loading } from '../../ui/states';

/** What the organization is called. */
export function OrganizationSettings() {
  const found = api.useQuery('get', '/api/v1/organization');
  if (found.isPending) return <Loading lines={3} />;
  if (found.isError) return <Failed error={found.error} onRetry={() => void found.refetch()} />;
  return <NameForm key={`${found.data.name} ${found.data.slug}`} organization={found.data} />;
}

function NameForm({ organization }: { organization: Schemas['Organization'] }) {
  const mayChange = useMay('organization:write');
  const deed = useDeed();
  const [name, setName] = useState(organization.name);
  const [slug, setSlug] = useState(organization.slug ?? '');
  const save = (event: FormEvent) => {
    event.preventDefault();
    const body = { name: name.trim(), slug: slug.trim() || null, second_factor_required: null }; // null: as it is
    void deed(() => http.PATCH('/api/v1/organization', { body }), {
      done: 'Saved.',
      touches: ['/api/v1/organization'],
    });
  };
  return (
    <Card className="max-w-2xl">
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
