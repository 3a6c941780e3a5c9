import { inspect } from 'node:util';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { KeyParts, platformKey } from './key-parts.ts';

const SECRET = 'sk-ant-0123456789';

it('shows nothing of a key, however it is printed', () => {
  const key = platformKey(SECRET);
  const lines: string[] = [];
  const log = pino({}, { write: (line) => void lines.push(line) });
  log.info({ key, parts: key.parts }, 'a key');
  log.error({ err: Object.assign(new Error('with a key'), { key }) }, `${key.parts}`);
  const printed = [
    String(key.parts),
    `${key.parts}`,
    JSON.stringify({ key }),
    inspect(key, { depth: 9, showHidden: true }),
    Object.values(key.parts).join(),
    ...lines,
  ].join('\n');
  expect(printed).toContain('[hidden]');
  expect(printed).not.toContain(SECRET);
  expect(key.parts.part('api_key')).toBe(SECRET);
  expect(key.parts.all()).toEqual([SECRET]);
});

it('names a part that is missing, and nothing of the key', () => {
  const parts = new KeyParts({ secret_access_key: SECRET });
  expect(() => parts.part('api_key')).toThrow(/^a provider key has no api_key$/);
});
