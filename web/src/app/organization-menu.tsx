import { ChevronsUpDown, Plus } from 'lucide-react';
import { lazy, Suspense, useState } from 'react';
import { api } from '../api/client';
import { Button } from '../ui/button';
import { Menu, MenuChoice, MenuItem, MenuLine } from '../ui/menu';
import { leaveFor } from './leave';
import { chooseOrganization } from './organization';
import { OrganizationMark } from './organization-mark';
import { useCaller } from './session';

const NewOrganization = lazy(() => import('./new-organization'));

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
  const choose = (id: string) => {
    chooseOrganization(id);
    // From nothing: what was shown of one organization is never seen in another.
    leaveFor('/dashboard/');
  };
  return (
    <>
      <Menu
        align="start"
        trigger={
          <Button variant="ghost" className="min-w-0 shrink px-2 text-foreground">
            <span className="sr-only">Organization: </span>
            {shown}
            <ChevronsUpDown aria-hidden />
          </Button>
        }
      >
        <MenuChoice
          label="Organization"
          value={caller.organization_id ?? ''}
          onChange={choose}
          options={mine.items.map((item) => ({
            value: item.organization_id,
            label: (
              <>
                <OrganizationMark organization={{ ...item, id: item.organization_id }} />
                <span className="truncate" dir="auto">
                  {item.name}
                </span>
              </>
            ),
          }))}
        />
        <MenuLine />
        <MenuItem onSelect={() => setMaking(true)}>
          <Plus aria-hidden /> Make another organization
        </MenuItem>
      </Menu>
      <Suspense>{making && <NewOrganization onClose={() => setMaking(false)} />}</Suspense>
    </>
  );
}
