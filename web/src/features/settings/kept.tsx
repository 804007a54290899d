import { Download } from 'lucide-react';
import { useState } from 'react';
import { answered } from '../../api/answered';
import { http } from '../../api/client';
import { leaveFor } from '../../app/leave';
import { Button } from '../../ui/button';
import { Card, CardHead } from '../../ui/card';
import { Dialog } from '../../ui/dialog';
import { TextForm } from '../../ui/text-form';
import { EMAIL, PASSWORD } from '../enter/fields';

/** All that is kept about oneself, as a file. */
export function Kept() {
  return (
    <Card>
      <CardHead title="What is kept about you" hint="All of it, as JSON.">
        <Button asChild>
          <a href="/api/v1/me/export" download="vidcompute-export.json">
            <Download aria-hidden /> Download all of it
          </a>
        </Button>
      </CardHead>
    </Card>
  );
}

const FIELDS = [
  { ...EMAIL, label: 'Your e-mail address, once more', autoComplete: 'off' },
  { ...PASSWORD, label: 'Your password, if you have one', autoComplete: 'off', optional: true },
] as const;

/** The end of one's account. */
export function Erase() {
  const [asked, setAsked] = useState(false);
  const erase = async ({ email, password }: { email: string; password: string }) => {
    await answered(http.POST('/api/v1/me/erase', { body: { email, current_password: password || null } }));
    leaveFor('/dashboard/enter');
  };
  return (
    <Card>
      <CardHead title="Erase your account" hint="Everything that tells of you goes. It can’t be undone.">
        <Button variant="destructive" onClick={() => setAsked(true)}>
          Erase my account
        </Button>
      </CardHead>
      <Dialog
        open={asked}
        onOpenChange={setAsked}
        title="Erase your account?"
        description="The videos of your organizations stay theirs."
      >
        <TextForm fields={FIELDS} action="Erase it for good" danger onSend={erase} />
      </Dialog>
    </Card>
  );
}
