import { useEffect, useState } from 'react';

const KEY = /^vck_[\w-]{43}$/;
const SECRET = /^[\w-]{16,200}$/; // what is shorter is a place on a page

/** What a link brought behind its `#`: taken out of the address, and out of the browser's history. */
export function takeSecret(place: Location, past: History, shape = SECRET): string {
  const secret = place.hash.slice(1);
  if (!shape.test(secret)) return '';
  past.replaceState(past.state, '', place.pathname + place.search);
  return secret;
}

/** Whatever stands behind the `#`, for pages that have no places. */
export const ANYTHING = /^.{1,200}$/;

/** Whether it is a key of the API. */
export function isKey(secret: string): boolean {
  return KEY.test(secret);
}

/** What the link brought that this page was opened by, or that was opened while it is shown. */
export function useSecret(shape = SECRET): string {
  const [secret, setSecret] = useState(() => takeSecret(window.location, window.history, shape));
  useEffect(() => {
    // Who opens a link while this page is shown changes what is behind the `#`, and nothing is loaded anew.
    const look = () => {
      const found = takeSecret(window.location, window.history, shape);
      if (found) setSecret(found);
    };
    window.addEventListener('hashchange', look);
    return () => window.removeEventListener('hashchange', look);
  }, [shape]);
  return secret;
}
