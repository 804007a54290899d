const lost = new WeakSet<object>();

/** Begins to tell code that could not be fetched from other errors. */
export function noticeLost(): void {
  window.addEventListener('vite:preloadError', (event) => {
    const { payload } = event as Event & { payload: Error };
    lost.add(payload);
    // At the browser's own words the router loads the page anew, and without a connection nothing of it is left then.
    payload.message = 'A part of the page did not come.';
  });
}

/** Whether something is not there because its code could not be fetched. */
export function isLost(error: unknown): boolean {
  return typeof error === 'object' && error !== null && lost.has(error);
}
