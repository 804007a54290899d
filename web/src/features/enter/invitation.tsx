import { useQuery } from '@tanstack/react-query';
import { answered } from '../../api/answered';
import { http, type Schemas } from '../../api/client';
import { told } from '../../api/problem';
import { chooseOrganization } from '../../app/organization';
import { Loading } from '../../ui/states';
import { Refused, TextForm } from '../../ui/text-form';
import { Entrance, Way, Ways } from './entrance';
import { NAME, NEW_PASSWORD } from './fields';
import { LogIn } from './log-in';
import { ANYTHING, useSecret } from './secret';
import { logIn, useGo } from './ways';

/** Where the link of an invitation leads: one joins, and is in. */
export function Invitation() {
  const token = useSecret(ANYTHING);
  const found = useQuery({
    queryKey: ['post', '/api/v1/invitations/view', token],
    queryFn: () => answered(http.POST('/api/v1/invitations/view', { body: { token } })),
    enabled: token !== '',
    retry: false,
  });
  return (
    <Entrance title="An invitation">
      {found.data ? (
        <Join token={token} invitation={found.data} />
      ) : found.isError ? (
        <Refused text={told(found.error).detail} />
      ) : token ? (
        <Loading lines={3} />
      ) : (
        <p>This link is not whole. Open the one in the mail once more.</p>
      )}
      {!found.data && (
        <Ways>
          <Way to="/enter">Log in</Way>
        </Ways>
      )}
    </Entrance>
  );
}

function Join({ token, invitation }: { token: string; invitation: Schemas['InvitationView'] }) {
  const { organization, email, role, registered } = invitation;
  const go = useGo();
  const accept = async () => {
    const joined = await answered(http.POST('/api/v1/invitations/accept', { body: { token } }));
    chooseOrganization(joined.organization_id);
    await go('/');
  };
  const register = async ({ name, password }: { name: string; password: string }) => {
    await answered(http.POST('/api/v1/register', { body: { email, name, password, invitation: token } }));
    await logIn(email, password);
    await go('/');
  };
  return (
    <>
      <p>
        Join <strong dir="auto">{organization}</strong> as {role}, with the address {email}.
      </p>
      {registered ? (
        <LogIn email={email} action="Join" onIn={accept} />
      ) : (
        <TextForm fields={[NAME, NEW_PASSWORD]} action="Join" onSend={register} />
      )}
    </>
  );
}
