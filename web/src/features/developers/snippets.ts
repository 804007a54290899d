import type { Made } from '../../api/made';
import { python } from './python';

export const LANGUAGES = ['curl', 'Python', 'JavaScript'] as const;
export type Language = (typeof LANGUAGES)[number];

/** The same request in a program. The key is a variable of the environment, and never in it. */
export function snippet(made: Made, language: Language): string {
  if (language === 'curl') return curl(made);
  return language === 'Python' ? python(made) : javascript(made);
}

function curl({ method, url, body }: Made): string {
  const parts = [`curl ${method === 'GET' ? '' : `-X ${method} `}${quoted(url)}`];
  parts.push('-H "Authorization: Bearer $VIDCOMPUTE_KEY"');
  if (body && 'json' in body) parts.push(`--json ${quoted(JSON.stringify(body.json))}`);
  if (body && 'file' in body) parts.push(`-H ${quoted(`Content-Type: ${body.file}`)}`, '--data-binary @FILE');
  return parts.join(' \\\n  ');
}

/** For a shell: as it is, whatever is in it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function javascript({ method, url, body }: Made): string {
  const headers = [`    Authorization: \`Bearer \${process.env.VIDCOMPUTE_KEY}\`,`];
  if (body) headers.push(`    'Content-Type': ${JSON.stringify('file' in body ? body.file : 'application/json')},`);
  const lines = [`  method: ${JSON.stringify(method)},`, '  headers: {', ...headers, '  },'];
  if (body && 'json' in body) {
    lines.push(`  body: JSON.stringify(${JSON.stringify(body.json, null, 2).replaceAll('\n', '\n  ')}),`);
  }
  if (body && 'file' in body) lines.push("  body: await readFile('FILE'),");
  const read = body && 'file' in body ? ["import { readFile } from 'node:fs/promises';", ''] : [];
  const end = ['});', 'if (!answer.ok) throw new Error(await answer.text());', 'console.log(await answer.text());'];
  return [...read, `const answer = await fetch(${JSON.stringify(url)}, {`, ...lines, ...end].join('\n');
}
