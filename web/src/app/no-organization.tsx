import { Link } from '@tanstack/react-router';
import { ShieldCheck, Users } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import { http } from '../api/client';
import { Button } from '../ui/button';
import { Field, Input } from '../ui/field';
import { Nothing } from '../ui/states';
import { useDeed } from './deed';
import { leaveFor } from './leave';
import { useOnce } from './once';
import { chooseOrganization } from './organization';

/** For a person who is in no organization: they are invited into one, or make one. */
export function NoOrganization() {
  const deed = useDeed();
  const [name, setName] = useState('');
  const [make] = useOnce(async () => {
    const made = await deed(() => http.POST('/api/v1/organizations', { body: { name: name.trim() } }), { touches: [] });
    if (!made?.data) return;
    chooseOrganization(made.data.id);
    leaveFor('/dashboard/');
  });
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    make();
  };
  return (
    <Nothing icon={<Users />} title="You are in no organization">
      <p>Somebody who is in one can invite you. Or make one of your own, and be its owner.</p>
      <form onSubmit={onSubmit} className="flex items-end gap-2 text-left">
        <Field label="Name of the organization">
          {(field) => (
            <Input {...field} required maxLength={200} value={name} onChange={(event) => setName(event.target.value)} />
          )}
        </Field>
        <Button type="submit" variant="primary">
          Make it
        </Button>
      </form>
      <Button variant="link" size="none" asChild>
        <Link to="/settings" search={{ tab: 'account' }}>
          Your account
        </Link>
      </Button>
    </Nothing>
  );
}

/** For a member who may do nothing before they have what the organization demands. */
export function FactorWanted() {
  return (
    <Nothing icon={<ShieldCheck />} title="A second factor is wanted">
      <p>This organization demands one of its members: a code of an authenticator app beside the password.</p>
      <Button variant="primary" asChild>
        <Link to="/settings" search={{ tab: 'account' }}>
          Set up an app
        </Link>
      </Button>
    </Nothing>
  );
}
