import { type ErrorComponentProps, Link, useRouter } from '@tanstack/react-router';
import { Compass, Unplug } from 'lucide-react';
import { useCallback, useEffect, useState } from 'react';
import { loadAnew } from '../app/leave';
import { isLost } from '../app/lost';
import { Button } from '../ui/button';
import { Page } from '../ui/page';
import { Failed, Loading, Nothing } from '../ui/states';

/** Stands in a page's place while it comes. */
export function Waiting() {
  return (
    <div className="mx-auto w-full max-w-6xl px-4 py-7 md:px-8">
      <Loading lines={6} label="The page is loading" />
    </div>
  );
}

/** A page that broke, or could not be had. */
export function Broken({ error, reset }: ErrorComponentProps) {
  const router = useRouter();
  const retry = () => {
    reset();
    void router.invalidate();
  };
  return isLost(error) ? <Lost /> : <Failed error={error} onRetry={retry} />;
}

/**
 * A page whose code could not be fetched: the connection is lost, or the server has a newer dashboard. It is loaded anew
 * once there is an answer: what failed once a browser may not ask for again, and without an answer the page is gone.
 */
function Lost() {
  const [asking, setAsking] = useState(false);
  const again = useCallback(async () => {
    setAsking(true);
    try {
      await fetch(window.location.href, { cache: 'no-store' });
      loadAnew();
    } catch {
      setAsking(false);
    }
  }, []);
  useEffect(() => {
    window.addEventListener('online', again);
    return () => window.removeEventListener('online', again);
  }, [again]);
  return (
    <Page title="No answer">
      <div role="alert">
        <Nothing icon={<Unplug />} title="This page did not come">
          <p>The server can’t be reached at the moment. The page comes by itself when the connection is back.</p>
          <Button disabled={asking} onClick={() => void again()}>
            {asking ? 'Trying …' : 'Try again'}
          </Button>
        </Nothing>
      </div>
    </Page>
  );
}

/** An address that leads nowhere. */
export function Missing() {
  return (
    <Page title="Not here">
      <Nothing icon={<Compass />} title="There is no such page">
        <Button asChild>
          <Link to="/">Go to the overview</Link>
        </Button>
      </Nothing>
    </Page>
  );
}
