import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { answered } from '../../api/answered';
import { api, http, type Schemas } from '../../api/client';
import { instead } from '../../api/problem';
import { say } from '../../app/messages';
import { date } from '../../app/words';
import { Badge } from '../../ui/badge';
import { Button } from '../../ui/button';
import { Card, CardBody, CardHead } from '../../ui/card';
import { CodeBlock } from '../../ui/code';
import { Dialog } from '../../ui/dialog';
import { Failed, Loading } from '../../ui/states';
import { TextForm } from '../../ui/text-form';
import { CODE, PASSWORD } from '../enter/fields';

const APP_CODE = { ...CODE, label: 'A code of your app', hint: '' };

/** Codes of an authenticator app beside the password: set up, and switched off. */
export function SecondFactor() {
  const queries = useQueryClient();
  const found = api.useQuery('get', '/api/v1/me/second-factor');
  // What was begun goes to its end, whatever becomes of the account meanwhile: recovery codes are shown once.
  const [doing, setDoing] = useState<'on' | 'off' | null>(null);
  const wrong = instead(found);
  if (wrong) return <Failed error={wrong} onRetry={() => void found.refetch()} />;
  if (!found.data) return <Loading lines={2} />;
  const { on, since, recovery_codes } = found.data;
  const end = () => {
    setDoing(null);
    void queries.invalidateQueries(); // what an organization demands may be met now, or not any more
  };
  return (
    <Card>
      <CardHead
        title={
          <>
            Second factor <Badge tone={on ? 'ok' : 'quiet'}>{on ? 'On' : 'Off'}</Badge>
          </>
        }
        hint={on ? `Logging in takes a code of your app${since ? ` since ${date(since)}` : ''}.` : undefined}
      >
        <Button size="sm" onClick={() => setDoing(on ? 'off' : 'on')}>
          {on ? 'Switch it off' : 'Set up an app'}
        </Button>
      </CardHead>
      <CardBody>
        <p className="text-muted-foreground">
          {on
            ? `${recovery_codes} recovery codes are left. Each opens your account once in the place of a code.`
            : 'Your password alone opens your account. With an authenticator app, logging in takes a code as well.'}
        </p>
      </CardBody>
      {doing === 'off' && <SwitchOff onDone={end} />}
      {doing === 'on' && <SetUp onDone={end} />}
    </Card>
  );
}

function SwitchOff({ onDone }: { onDone: () => void }) {
  const send = async ({ password, code }: { password: string; code: string }) => {
    const body = { current_password: password, code: code.trim() };
    await answered(http.POST('/api/v1/me/second-factor/off', { body }));
    say('Your password alone opens your account now.');
    onDone();
  };
  return (
    <Dialog open onOpenChange={(open) => !open && onDone()} title="Switch off the second factor">
      <TextForm fields={[PASSWORD, { ...CODE, label: 'A code of your app' }]} action="Switch it off" onSend={send} />
    </Dialog>
  );
}

function SetUp({ onDone }: { onDone: () => void }) {
  const [enrolment, setEnrolment] = useState<Schemas['Enrolment'] | null>(null);
  const [codes, setCodes] = useState<readonly string[]>([]);
  const begin = async ({ password }: { password: string }) =>
    setEnrolment(await answered(http.POST('/api/v1/me/second-factor', { body: { current_password: password } })));
  const confirm = async ({ code }: { code: string }) => {
    const made = await answered(http.POST('/api/v1/me/second-factor/confirm', { body: { code: code.trim() } }));
    setCodes(made.recovery_codes);
  };
  return (
    <Dialog open once={codes.length > 0} onOpenChange={(open) => !open && onDone()} title="Set up an app">
      {codes.length > 0 ? (
        <>
          <p>
            Done: logging in takes a code from now on. Keep these recovery codes where the phone is not: each opens your
            account once without it. They are not shown again.
          </p>
          <CodeBlock label="Recovery codes" text={codes.join('\n')} />
          <Button variant="primary" className="justify-self-end" onClick={onDone}>
            I have them
          </Button>
        </>
      ) : enrolment ? (
        <>
          <p>Scan this with the app, or type the key into it. Then say the code that it shows.</p>
          <img
            src={`data:image/svg+xml,${encodeURIComponent(enrolment.qr_svg)}`}
            alt="The key as a QR code"
            className="size-48 justify-self-center rounded-lg"
          />
          <CodeBlock label="The key" text={enrolment.secret} />
          <TextForm key="code" fields={[APP_CODE]} action="Switch it on" onSend={confirm} />
        </>
      ) : (
        <TextForm key="password" fields={[PASSWORD]} action="Go on" onSend={begin} />
      )}
    </Dialog>
  );
}
