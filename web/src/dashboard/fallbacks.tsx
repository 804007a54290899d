import { type ErrorComponentProps, Link, useRouter } from '@tanstack/react-router';
import { Compass } from 'lucide-react';
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
  return <Failed error={error} onRetry={retry} />;
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
