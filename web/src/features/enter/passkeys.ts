import { answered } from '../../api/answered';
import { http } from '../../api/client';

/** Begins a session for whom the device recognises. */
export async function logInByPasskey(): Promise<void> {
  const { options } = await answered(http.POST('/api/v1/login/passkey/options'));
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options as never);
  const credential = await said(navigator.credentials.get({ publicKey }));
  await answered(http.POST('/api/v1/login/passkey', { body: { credential, kind: 'browser' } }));
}

/** Lets a device make a key that opens one's account. */
export async function makePasskey(name: string, current_password: string): Promise<void> {
  const { options } = await answered(http.POST('/api/v1/me/passkeys/options', { body: { current_password } }));
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options as never);
  const credential = await said(navigator.credentials.create({ publicKey }));
  await answered(http.POST('/api/v1/me/passkeys', { body: { name, credential } }));
}

/** What a device said. That somebody declined, or took too long, browsers tell in words for nobody. */
async function said(asked: Promise<Credential | null>): Promise<Record<string, unknown>> {
  const credential = await asked.catch(() => null);
  if (!(credential instanceof PublicKeyCredential)) throw new Error('Your device did not say who you are. Try again.');
  return credential.toJSON() as unknown as Record<string, unknown>;
}

/** Whether this browser knows passkeys. */
export function knowsPasskeys(): boolean {
  return 'PublicKeyCredential' in window;
}
