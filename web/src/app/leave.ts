/** Goes to an address as a new page: nothing of this one stays in memory. */
export function leaveFor(address: string): void {
  window.location.assign(address);
}

/** Loads this page anew, from the server as it is now. */
export function loadAnew(): void {
  window.location.reload();
}
