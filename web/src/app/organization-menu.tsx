import { ChevronsUpDown } from 'lucide-react';
import { Suspense, useState } from 'react';
import { api } from '../api/client';
import { Button } from '../ui/button';
import { MenuButton } from '../ui/menu-button';
import { Optional } from './optional';
import { OrganizationMark } from './organization-mark';
import { part } from './part';
import { useCaller } from './session';

const NewOrganization = part(() => import('./new-organization'));
const Organizations = part(() => import('./organizations'));

/** Where one works: the organization's name; for people a menu of theirs, and a way to make another. */
export function OrganizationMenu() {
  const caller = useCaller();
  const mayRead = caller.scopes.includes('organization:read');
  const { data: organization } = api.useQuery('get', '/api/v1/organization', {}, { enabled: mayRead });
  const { data: mine } = api.useQuery('get', '/api/v1/organizations', {}, { enabled: caller.person_id !== null });
  const [making, setMaking] = useState(false);
  const here = mine?.items.find((item) => item.organization_id === caller.organization_id);
  const name = organization?.name ?? here?.name ?? '';
  const shown = (
    <>
      {organization && <OrganizationMark organization={organization} />}
      <span className="truncate" dir="auto">
        {name}
      </span>
    </>
  );
  if (!mine || mine.items.length === 0) {
    return <p className="flex min-w-0 items-center gap-2.5 px-1 font-medium">{shown}</p>;
  }
  const make = () => {
    void NewOrganization.load().catch(() => undefined);
    setMaking(true);
  };
  const close = () => setMaking(false);
  const trigger = (
    <Button variant="plain" size="none" className="h-9 min-w-0 shrink! px-2">
      <span className="sr-only">Organization: </span>
      {shown}
      <ChevronsUpDown aria-hidden className="text-muted-foreground" />
    </Button>
  );
  const given = { here: caller.organization_id, mine: mine.items, onMake: make };
  return (
    <>
      <MenuButton trigger={trigger} menu={Organizations} given={given} />
      {making && (
        <Optional onLost={close}>
          <Suspense>
            <NewOrganization onClose={close} />
          </Suspense>
        </Optional>
      )}
    </>
  );
}
