const KEPT_AS = 'vidcompute-uploads';
const MOST = 100;

type Told = Pick<File, 'name' | 'size' | 'lastModified'>;

function all(): Record<string, Told> {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEPT_AS) ?? '{}');
    return typeof kept === 'object' && kept !== null ? (kept as Record<string, Told>) : {};
  } catch {
    return {};
  }
}

function keep(told: Record<string, Told>): void {
  localStorage.setItem(KEPT_AS, JSON.stringify(Object.fromEntries(Object.entries(told).slice(-MOST))));
}

/** Remembers which file an upload is of: a page that was loaded anew has lost the file itself. */
export function rememberFile(uploadId: string, { name, size, lastModified }: Told): void {
  keep({ ...all(), [uploadId]: { name, size, lastModified } });
}

export function forgetFile(uploadId: string): void {
  const { [uploadId]: _, ...others } = all();
  keep(others);
}

/** The upload that this very file was begun as; empty where it was not. */
export function uploadOf(file: Told): string {
  const found = Object.entries(all()).find(
    ([, { name, size, lastModified }]) =>
      name === file.name && size === file.size && lastModified === file.lastModified,
  );
  return found?.[0] ?? '';
}

/** The uploads that were begun in this browser. */
export function begun(): ReadonlySet<string> {
  return new Set(Object.keys(all()));
}
