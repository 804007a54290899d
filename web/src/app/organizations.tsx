import { Plus } from 'lucide-react';
import type { Schemas } from '../api/client';
import { Menu, MenuChoice, MenuItem, MenuLine } from '../ui/menu';
import type { Opened } from '../ui/menu-button';
import { leaveFor } from './leave';
import { chooseOrganization } from './organization';
import { OrganizationMark } from './organization-mark';

interface OrganizationsProps extends Opened {
  here: string | null;
  mine: Schemas['Membership'][];
  onMake: () => void;
}

/** The menu of the organizations that one is in, opened. */
export default function Organizations({ here, mine, onMake, ...opened }: OrganizationsProps) {
  const choose = (id: string) => {
    chooseOrganization(id);
    // From nothing: what was shown of one organization is never seen in another.
    leaveFor('/dashboard/');
  };
  return (
    <Menu align="start" {...opened}>
      <MenuChoice
        label="Organization"
        value={here ?? ''}
        onChange={choose}
        options={mine.map((item) => ({
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
      <MenuItem onSelect={onMake}>
        <Plus aria-hidden /> Make another organization
      </MenuItem>
    </Menu>
  );
}
