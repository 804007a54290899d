const CODECS: readonly (readonly [string, string])[] = [
  ['avc1', 'H.264'],
  ['hvc1', 'HEVC'],
  ['hev1', 'HEVC'],
  ['av01', 'AV1'],
  ['mp4a', 'AAC'],
];
const LAYOUTS: Record<number, string> = { 1: 'Mono', 2: 'Stereo', 6: '5.1', 8: '7.1' };
const languages = new Intl.DisplayNames(['en'], { type: 'language' });

/** What people call a codec that is given as RFC 6381 has it, such as `avc1.640028`. */
export function codecName(codec: string): string {
  return CODECS.find(([start]) => codec.startsWith(start))?.[1] ?? codec;
}

/** `2.4 Mbit/s`, `128 kbit/s`. */
export function bitrate(bps: number): string {
  return bps < 1_000_000 ? `${Math.round(bps / 1000)} kbit/s` : `${(bps / 1_000_000).toFixed(1)} Mbit/s`;
}

export function channels(number: number): string {
  return LAYOUTS[number] ?? `${number} channels`;
}

/** The language that a file's name ends in, such as `film.pt-BR.srt`; nothing where it names none. */
export function languageOfFile(name: string): string {
  const tag = /\.([a-z]{2,3}(?:-[a-z0-9]{2,8})*)\.(?:vtt|srt)$/i.exec(name)?.[1] ?? '';
  return language(tag) === tag ? '' : tag;
}

/** A language's name; what is no language's tag, as it is. */
export function language(tag: string): string {
  if (tag === 'und' || tag === '') return 'Not said';
  try {
    return languages.of(tag) ?? tag;
  } catch {
    return tag;
  }
}
