import { useState } from 'react';
import { http } from '../../api/client';
import { told } from '../../api/problem';
import { useDeed } from '../../app/deed';
import { say } from '../../app/messages';
import { useOnce } from '../../app/once';
import { useMay } from '../../app/session';
import { useTyped } from '../../app/typed';
import { date } from '../../app/words';
import { Button } from '../../ui/button';
import { Card, CardBody, CardHead } from '../../ui/card';
import { CopyField } from '../../ui/copy';
import { Choice, Field, Input, Select } from '../../ui/field';
import { embedCode } from '../../watch/share';
import { type Asset, titleOf } from '../videos/asset';
import { useChange } from './details';

const POLICIES = {
  public: 'Everybody who has the link',
  signed: 'Whoever has a signed link',
  password: 'Whoever knows the password',
} as const;
type Policy = keyof typeof POLICIES;

/** The code that shows a video on another page. */
export function codeOf(asset: Asset): string {
  return embedCode(asset.urls.embed, asset.width_px ?? 1_280, asset.height_px ?? 720, titleOf(asset));
}

/** The video's addresses, and who may see it. */
export function Sharing({ asset }: { asset: Asset }) {
  const mayChange = useMay('assets:write');
  return (
    <div className="grid grid-cols-1 items-start gap-5 lg:grid-cols-2">
      <Card>
        <CardHead title="Links" />
        <CardBody className="grid grid-cols-1 gap-4">
          <CopyField label="Watch page" value={asset.urls.watch} />
          <CopyField label="Embed code" value={codeOf(asset)} />
          <CopyField label="HLS" value={asset.urls.stream} />
          <CopyField label="DASH" value={asset.urls.dash} />
        </CardBody>
      </Card>
      {mayChange && (
        <Card>
          <CardHead title="Who may watch" />
          <CardBody className="grid grid-cols-1 gap-5">
            <PolicyForm asset={asset} />
            {asset.playback_policy === 'signed' && <SignedLink asset={asset} />}
          </CardBody>
        </Card>
      )}
    </div>
  );
}

function PolicyForm({ asset }: { asset: Asset }) {
  const change = useChange(asset);
  const [policy, setPolicy] = useTyped<Policy>(asset.playback_policy);
  const [password, setPassword] = useState('');
  const [problem, setProblem] = useState<string>();
  const [save] = useOnce(async () => {
    const wish = { playback_policy: policy, ...(policy === 'password' && password ? { password } : {}) };
    const wrong = await change(wish).catch((error) => told(error).detail);
    setProblem(wrong ?? undefined);
    if (wrong !== null) return;
    setPassword('');
    say('Saved.');
  });
  return (
    <form
      className="grid grid-cols-1 gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
    >
      <Choice label="It can be watched by" value={policy} options={POLICIES} onChange={setPolicy} problem={problem} />
      {policy === 'password' && (
        <Field label="Password" hint="Those who were let in with another one are asked again.">
          {(field) => (
            <Input
              {...field}
              type="password"
              autoComplete="new-password"
              value={password}
              onChange={(event) => setPassword(event.target.value)}
            />
          )}
        </Field>
      )}
      <Button type="submit" variant="primary" className="justify-self-start">
        Save
      </Button>
    </form>
  );
}

const TIMES = { '1 hour': 3_600, '1 day': 86_400, '7 days': 604_800 };

function SignedLink({ asset }: { asset: Asset }) {
  const [seconds, setSeconds] = useState(TIMES['1 day']);
  const [link, setLink] = useState<{ url: string; expiresAt: string } | null>(null);
  const deed = useDeed();
  const [make] = useOnce(async () => {
    const sign = () =>
      http.POST('/api/v1/assets/{asset_id}/signed-links', {
        params: { path: { asset_id: asset.id } },
        body: { expires_in_s: seconds } as never,
      });
    const made = await deed(sign, { touches: [] });
    if (made?.data) setLink({ url: made.data.urls.watch, expiresAt: made.data.expires_at });
  });
  return (
    <div className="grid gap-3 border-t pt-4">
      <div className="flex items-end gap-2">
        <Field label="A link that is good for">
          {(field) => (
            <Select {...field} value={seconds} onChange={(event) => setSeconds(Number(event.target.value))}>
              {Object.entries(TIMES).map(([label, value]) => (
                <option key={value} value={value}>
                  {label}
                </option>
              ))}
            </Select>
          )}
        </Field>
        <Button onClick={make}>Sign it</Button>
      </div>
      {link && <CopyField label={`Signed link, until ${date(link.expiresAt)}`} value={link.url} />}
    </div>
  );
}
