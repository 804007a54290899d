import type { Made } from '../../api/made';
import { CALLS } from './calls.gen';

/** A method of the Python client, and the request that it makes. */
export type Call = readonly [
  method: string,
  path: string,
  name: string,
  body: '' | 'json' | 'content',
  answer: Answer,
  query: Readonly<Record<string, readonly [name: string, kind: Kind]>>,
];
type Answer = 'json' | 'text' | 'bytes' | 'none';
type Kind = 'number' | 'bool' | 'list' | 'str';

/** A request as a call of `vidcompute.client`, whose connection it takes where the client has no method for it. */
export function python(made: Made): string {
  const { origin, pathname, search, searchParams } = new URL(made.url);
  const found = callOf(made, pathname);
  if (found === null) return program(origin, 'text', made.body, plain(made, pathname + search));
  const [[, , name, body, answer, query], values] = found;
  const nothing = body === 'json' && made.body === null ? ['{}'] : [];
  const given = [...values.map(text), ...sent(made.body), ...nothing, ...chosen(query, searchParams)];
  return program(origin, answer, made.body, taken(`client.${name}`, given, answer));
}

function program(origin: string, answer: Answer, body: Made['body'], lines: string[]): string {
  const isFile = answer === 'bytes' || (body !== null && 'file' in body);
  const imports = [
    ...(answer === 'json' ? ['import json'] : []),
    'import os',
    ...(isFile ? ['from pathlib import Path'] : []),
  ];
  const opened = `with Client(${text(origin)}, os.environ["VIDCOMPUTE_KEY"]) as client:`;
  return [...imports, '', 'from vidcompute.client import Client', '', opened, ...lines].join('\n');
}

function plain({ method, body }: Made, address: string): string[] {
  const [value] = sent(body);
  const how = body && 'json' in body ? 'json' : 'content';
  const given = [text(method), text(address), ...(value ? [`${how}=${value}`] : [])];
  const call = block('    answer = client.http.request(', given, ')');
  return [...call, '    answer.raise_for_status()', 'print(answer.text)'];
}

/** The method for a request, with what stands in its path. Of two that fit the one that says more of the path counts. */
function callOf(made: Made, pathname: string): [Call, string[]] | null {
  const kind = made.body === null ? '' : 'json' in made.body ? 'json' : 'content';
  const fitting = CALLS.flatMap((call): [Call, string[]][] => {
    const [method, path, , body] = call;
    // A body that may be left out is one that says nothing.
    const fits = method === made.method && (body === kind || (body === 'json' && kind === ''));
    const values = fits ? valuesOf(path, pathname) : null;
    return values ? [[call, values]] : [];
  });
  return fitting.sort(([, one], [, other]) => one.length - other.length)[0] ?? null;
}

function valuesOf(path: string, pathname: string): string[] | null {
  const pattern = path.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\{[^}]+\}/g, '([^/]+)');
  const found = new RegExp(`^${pattern}$`).exec(pathname);
  return found?.slice(1).map(decodeURIComponent) ?? null;
}

function sent(body: Made['body']): string[] {
  if (body === null) return [];
  return ['json' in body ? literal(body.json) : 'Path("FILE").read_bytes()'];
}

function chosen(query: Call[5], given: URLSearchParams): string[] {
  return Object.entries(query).flatMap(([wire, [name, kind]]) => {
    const values = given.getAll(wire);
    return values.length > 0 ? [`${name}=${oneOf(values, kind)}`] : [];
  });
}

function oneOf(values: string[], kind: Kind): string {
  const [first = ''] = values;
  if (kind === 'list') return literal(values);
  if (kind === 'bool') return literal(first === 'true');
  return kind === 'number' ? literal(Number(first)) : text(first);
}

/** The call with what it is given, and what is done with its answer. */
function taken(name: string, given: string[], answer: Answer): string[] {
  if (answer === 'bytes') {
    const loop = block(`    for piece in ${name}(`, given, '):').map((line) => `    ${line}`);
    return ['    with Path("ANSWER").open("wb") as file:', ...loop, '            file.write(piece)'];
  }
  if (answer === 'none') return block(`    ${name}(`, given, ')');
  const shown = answer === 'json' ? 'json.dumps(answer, indent=2, ensure_ascii=False)' : 'answer';
  return [...block(`    answer = ${name}(`, given, ')'), `print(${shown})`];
}

/** In one line where nothing is given, else each of it in its own. */
function block(begin: string, given: string[], end: string): string[] {
  if (given.length === 0) return [`${begin}${end}`];
  const indented = given.map((one) => `${one.replaceAll('\n', '\n        ')},`);
  return [begin, ...indented.map((one) => `        ${one}`), `    ${end}`];
}

/** A text as Python writes it, as JSON does. */
function text(value: string): string {
  return JSON.stringify(value);
}

/** A value of JSON as Python writes it. */
function literal(value: unknown, indent = ''): string {
  const inner = `${indent}    `;
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value !== 'object') return JSON.stringify(value);
  const lines = Array.isArray(value)
    ? value.map((one) => literal(one, inner))
    : Object.entries(value).map(([name, one]) => `${text(name)}: ${literal(one, inner)}`);
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  if (lines.length === 0) return `${open}${close}`;
  return `${open}\n${lines.map((line) => `${inner}${line},`).join('\n')}\n${indent}${close}`;
}
