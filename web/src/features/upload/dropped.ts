const SOUND_AND_PICTURE = /^(video|audio)\//;
const NAMES = /\.(mp4|m4v|mov|mkv|webm|avi|ts|mts|m2ts|mpg|mpeg|wmv|flv|3gp|ogv|mxf|mp3|m4a|aac|wav|flac|ogg|opus)$/i;

/** Whether a file of a folder looks like something to be played; what is named one by one is taken as it is. */
export function looksPlayable(file: Pick<File, 'name' | 'type'>): boolean {
  return SOUND_AND_PICTURE.test(file.type) || NAMES.test(file.name);
}

/** The files that were dropped, and those in folders that were. */
export async function filesOf(dropped: DataTransfer): Promise<File[]> {
  const entries = [...dropped.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  if (entries.length === 0) return [...dropped.files];
  const found = await Promise.all(entries.map((entry) => filesBelow(entry, true)));
  return found.flat();
}

async function filesBelow(entry: FileSystemEntry, isNamed: boolean): Promise<File[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return isNamed || looksPlayable(file) ? [file] : [];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: File[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return found;
    for (const inner of some) found.push(...(await filesBelow(inner, false)));
  }
}
