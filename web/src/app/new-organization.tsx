import { answered } from '../api/answered';
import { http } from '../api/client';
import { Dialog } from '../ui/dialog';
import { TextForm } from '../ui/text-form';
import { leaveFor } from './leave';
import { chooseOrganization } from './organization';

const NAME = { name: 'name', label: 'Name of the organization' } as const;

/** Another organization, of which one is the owner, and where one works from then on. */
export default function NewOrganization({ onClose }: { onClose: () => void }) {
  const make = async ({ name }: { name: string }) => {
    const made = await answered(http.POST('/api/v1/organizations', { body: { name: name.trim() } }));
    chooseOrganization(made.id);
    leaveFor('/dashboard/');
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Make an organization"
      description="With videos, members and limits of its own. You are its owner."
    >
      <TextForm fields={[NAME]} action="Make it" onSend={make} />
    </Dialog>
  );
}
