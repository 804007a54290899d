import { api, http, type Schemas } from '../../api/client';
import { instead } from '../../api/problem';
import { useDeed } from '../../app/deed';
import { Card, CardBody, CardHead } from '../../ui/card';
import { Field, Select } from '../../ui/field';
import { Failed, Loading } from '../../ui/states';

const CHOICES: Record<Schemas['Choice'], string> = { off: 'None', own: 'Of what I began', all: 'All' };

/** The mails that one gets, as far as one can choose. */
export function Mails() {
  const found = api.useQuery('get', '/api/v1/me/mails');
  const deed = useDeed();
  const wrong = instead(found);
  const chosen = found.data?.items.filter(({ choices }) => choices.length > 0) ?? []; // safety needs the others
  const choose = (kind: string, choice: Schemas['Choice']) =>
    deed(() => http.PATCH('/api/v1/me/mails', { body: { choices: { [kind]: choice } } }), {
      done: 'Saved.',
      touches: ['/api/v1/me/mails'],
    });
  return (
    <Card>
      <CardHead title="Mails" />
      <CardBody className="grid grid-cols-1 gap-4">
        {found.isPending && <Loading lines={3} />}
        {wrong !== null && <Failed error={wrong} onRetry={() => void found.refetch()} />}
        {chosen.map((kind) => (
          <Field key={kind.kind} label={kind.summary}>
            {(field) => (
              <Select
                {...field}
                value={kind.choice}
                onChange={(event) => void choose(kind.kind, event.target.value as Schemas['Choice'])}
              >
                {kind.choices.map((choice) => (
                  <option key={choice} value={choice}>
                    {CHOICES[choice]}
                  </option>
                ))}
              </Select>
            )}
          </Field>
        ))}
      </CardBody>
    </Card>
  );
}
