import { screen, waitFor, within } from '@testing-library/react';
import { expect, test } from 'vitest';
import { caller } from '../../testing/facts';
import { show } from '../../testing/render';
import { Refusal, serve } from '../../testing/server';
import { Developers } from './developers';

const PEM = '-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n';
const key = (id: string, name: string, revoked_at: string | null = null) => ({
  ...{ id, name, algorithm: 'ES256', public_key: {}, created_at: '2026-11-21T10:00:00Z', revoked_at },
});
const open = () => show(<Developers tab="signing" onTab={() => undefined} />);

test('a signing key is made, and its private half shown this once', async () => {
  let refused = true;
  const asked = serve({
    'GET /api/v1/caller': caller(),
    'GET /api/v1/signing-keys': { items: [] },
    'POST /api/v1/signing-keys': () => {
      const answer = refused
        ? new Refusal(422, 'key_invalid', 'This is no key.')
        : { ...key('k1', 'shop'), private_key: PEM };
      refused = false;
      return answer;
    },
  });
  const { user } = await open();
  await user.click(await screen.findByRole('button', { name: 'Make a signing key' }));
  const dialog = await screen.findByRole('dialog', { name: 'Make a signing key' });
  await user.type(within(dialog).getByLabelText('Name'), 'shop');
  await user.selectOptions(within(dialog).getByLabelText('Algorithm'), 'EdDSA');
  await user.click(within(dialog).getByRole('button', { name: 'Make it' }));
  expect((await within(dialog).findByRole('alert')).textContent).toBe('This is no key.');
  await user.click(within(dialog).getByRole('button', { name: 'Make it' }));
  const shown = await screen.findByRole('dialog', { name: 'Your new signing key' });
  expect(within(shown).getByRole('region', { name: 'Private key' }).textContent).toBe(PEM);
  const file = within(shown).getByRole('link', { name: 'Download it' });
  expect(decodeURIComponent(file.getAttribute('href') ?? '')).toContain(PEM);
  expect(asked.find(({ method }) => method === 'POST')?.body).toEqual({
    name: 'shop',
    algorithm: 'EdDSA',
    public_key: null,
  });
  await user.click(within(shown).getByRole('button', { name: 'I have it' }));
  await waitFor(() => expect(document.body.textContent).not.toContain('BEGIN PRIVATE KEY'));
});

test('a signing key is revoked only when one means it, and one that was stays in the list', async () => {
  const asked = serve({
    'GET /api/v1/caller': caller(),
    'GET /api/v1/signing-keys': { items: [key('k1', 'shop'), key('k2', 'old', '2026-11-21T11:00:00Z')] },
    'DELETE /api/v1/signing-keys/k1': key('k1', 'shop', '2026-11-21T11:00:00Z'),
  });
  const { user } = await open();
  await user.click(await screen.findByRole('button', { name: 'Revoke shop' }));
  expect(screen.queryByRole('button', { name: 'Revoke old' })).toBeNull();
  expect(asked.filter(({ method }) => method === 'DELETE')).toEqual([]);
  await user.click(await screen.findByRole('button', { name: 'Revoke it' }));
  await waitFor(() => expect(asked.filter(({ method }) => method === 'DELETE')).toHaveLength(1));
});

test('who may not look at signing keys is not led to them', async () => {
  serve({
    'GET /api/v1/caller': caller({ scopes: ['keys:read'] }),
    'GET /api/v1/keys': { items: [], next_cursor: null },
  });
  await open();
  expect(await screen.findByText('No keys')).toBeDefined();
  expect(screen.queryByRole('tab', { name: 'Signing keys' })).toBeNull();
});
