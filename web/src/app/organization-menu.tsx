import { ChevronsUpDown } from 'lucide-react';
import { api } from '../api/client';
import { Button } from '../ui/button';
import { Menu, MenuChoice } from '../ui/menu';
import { leaveFor } from './leave';
import { chooseOrganization } from './organization';
import { OrganizationMark } from './organization-mark';
import { useCaller } from './session';

/** Where one works: the organization's name, and a menu where one is in several. */
export function OrganizationMenu() {
  const caller = useCaller();
  const mayRead = caller.scopes.includes('organization:read');
  const { data: organization } = api.useQuery('get', '/api/v1/organization', {}, { enabled: mayRead });
  const { data: mine } = api.useQuery('get', '/api/v1/organizations', {}, { enabled: caller.person_id !== null });
  const name = organization?.name ?? 'Organization';
  if (!mine || mine.items.length < 2) {
    return (
      <p className="flex min-w-0 items-center gap-2.5 px-1 font-medium">
        {organization && <OrganizationMark organization={organization} />}
        <span className="truncate" dir="auto">
          {organization ? name : ''}
        </span>
      </p>
    );
  }
  const choose = (id: string) => {
    chooseOrganization(id);
    // From nothing: what was shown of one organization is never seen in another.
    leaveFor('/dashboard/');
  };
  return (
    <Menu
      align="start"
      trigger={
        <Button variant="ghost" className="min-w-0 px-2 text-foreground" aria-label={`Organization: ${name}`}>
          {organization && <OrganizationMark organization={organization} />}
          <span className="truncate" dir="auto">
            {name}
          </span>
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
    </Menu>
  );
}
