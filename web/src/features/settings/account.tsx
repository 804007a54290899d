import { Suspense } from 'react';
import { part } from '../../app/part';
import { Loading } from '../../ui/states';
import { Credentials } from './credentials';
import { Erase, Kept } from './kept';
import { Mails } from './mails';
import { SecondFactor } from './second-factor';
import { Sessions } from './sessions';

const Passkeys = part(() => import('./passkeys'));

/** One's own account: who one is, how one proves it, where one is logged in, the mails that one gets, the way out. */
export default function Account() {
  return (
    <div className="grid grid-cols-1 items-start gap-5 lg:grid-cols-2">
      <div className="grid grid-cols-1 gap-5">
        <Credentials />
        <SecondFactor />
        <Suspense fallback={<Loading lines={2} />}>
          <Passkeys />
        </Suspense>
      </div>
      <div className="grid grid-cols-1 gap-5">
        <Sessions />
        <Mails />
        <Kept />
        <Erase />
      </div>
    </div>
  );
}
