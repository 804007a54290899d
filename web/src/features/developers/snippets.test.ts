import { expect, test } from 'vitest';
import { LANGUAGES, snippet } from './snippets';

const url = 'https://video.test/api/v1/assets?q=a%20b';

test('what was read is read by a program with a key of its own', () => {
  const made = { method: 'GET', url, body: null };
  expect(snippet(made, 'curl')).toBe(`curl '${url}' \\\n  -H "Authorization: Bearer $VIDCOMPUTE_KEY"`);
  expect(snippet(made, 'Python')).toContain('client.list_assets(\n        q="a b",\n    )');
  expect(snippet(made, 'Python')).toContain('os.environ["VIDCOMPUTE_KEY"]');
  expect(snippet(made, 'JavaScript')).toContain('process.env.VIDCOMPUTE_KEY');
});

test('what was sent is written as each language writes it, whatever is in it', () => {
  const json = { title: `it's "this" $HOME שלום`, tags: ['a', true, null, 1.5], none: {}, deep: [] };
  const made = { method: 'PATCH', url: 'https://video.test/api/v1/assets/asset_1', body: { json } };
  const curl = snippet(made, 'curl');
  expect(curl).toContain(`-X PATCH '${made.url}'`);
  expect(curl).toContain(`--json '${JSON.stringify(json).replace("'", "'\\''")}'`);
  expect(snippet(made, 'Python')).toContain(
    [
      '        {',
      '            "title": "it\'s \\"this\\" $HOME שלום",',
      '            "tags": [',
      '                "a",',
      '                True,',
      '                None,',
      '                1.5,',
      '            ],',
      '            "none": {},',
      '            "deep": [],',
      '        },',
    ].join('\n'),
  );
  expect(snippet(made, 'JavaScript')).toContain('body: JSON.stringify({\n    "title"');
});

test('a file is named, and not written down', () => {
  const made = { method: 'PUT', url: 'https://video.test/api/v1/organization/logo', body: { file: 'image/png' } };
  const texts = LANGUAGES.map((language) => snippet(made, language));
  for (const text of texts) expect(text).toContain('FILE');
  expect(snippet(made, 'curl')).toContain('image/png');
});
