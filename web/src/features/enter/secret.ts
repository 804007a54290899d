/** The key that a link brought behind its `#`: taken out of the address, and out of the browser's history. */
export function takeKey(place: Location, past: History): string {
  const key = place.hash.slice(1);
  if (!/^vck_[\w-]{43}$/.test(key)) return '';
  past.replaceState(past.state, '', place.pathname + place.search);
  return key;
}
