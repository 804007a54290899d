const KEPT_AS = 'vidcompute-organization';

/** The organization that the person has chosen to work in; empty for the first of theirs. */
export function chosenOrganization(): string {
  return localStorage.getItem(KEPT_AS) ?? '';
}

export function chooseOrganization(id: string): void {
  if (id) localStorage.setItem(KEPT_AS, id);
  else localStorage.removeItem(KEPT_AS);
}

/** The header that says where one works, for every request to the API. */
export function organizationHeader(): Record<string, string> {
  const id = chosenOrganization();
  return id ? { 'X-Organization': id } : {};
}
