import { setImmediate as rounds } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { GatheredLog } from './gathered-log.ts';

it('writes the lines of one round of events at once, in their order', async () => {
  const writes: string[] = [];
  const log = new GatheredLog({ write: (lines) => writes.push(lines) });
  log.write('one\n');
  log.write('two\n');
  expect(writes).toEqual([]);
  await rounds();
  log.write('three\n');
  await rounds();
  expect(writes).toEqual(['one\ntwo\n', 'three\n']);
  log.write('four\n');
  log.flush();
  log.flush();
  expect(writes.at(-1)).toBe('four\n');
  expect(writes).toHaveLength(3);
});
