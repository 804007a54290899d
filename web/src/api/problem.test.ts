import { expect, test } from 'vitest';
import { instead } from './problem';

const problem = (status: number) => ({ status, code: 'some', detail: 'Why.' });

test('an error that passes takes nothing away, and one that stays does', () => {
  const data = { items: [] };
  const [away, gone, lost] = [problem(503), problem(404), new TypeError('no way there')];
  expect([instead({ error: away, data }), instead({ error: lost, data })]).toEqual([null, null]);
  expect(instead({ error: gone, data })).toBe(gone);
  expect(instead({ error: away, data: undefined })).toBe(away);
  expect(instead({ error: null, data })).toBeNull();
});
