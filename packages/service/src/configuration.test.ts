import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { ConfigurationError, readConfiguration } from './configuration.ts';

const schema = z.strictObject({ folder: z.string().startsWith('/'), key: z.string().min(8) });
const good = { folder: '/run/karta', key: 'secret-key-of-many-letters' };

it('is one line, however it arrives, and the end of the input is told once it comes', async () => {
  const input = new PassThrough();
  let closed = 0;
  const reading = readConfiguration(schema, input, () => {
    closed += 1;
  });
  const line = `${JSON.stringify(good)}\n`;
  input.write(line.slice(0, 20));
  input.write(line.slice(20));
  expect(await reading).toEqual(good);
  expect(closed).toBe(0);
  input.end();
  await expect.poll(() => closed).toBe(1);
});

it.each([
  ['', /no configuration/],
  ['not json: secret', /not JSON/],
  [{ ...good, extra: 'secret' }, /extra/],
  [{ ...good, folder: 'secret' }, /\/folder/],
  [{ ...good, key: 'secret' }, /\/key/],
])('is refused with the reason and without its values: %j', async (config, reason) => {
  const input = new PassThrough();
  input.end(typeof config === 'string' ? config : JSON.stringify(config));
  const failed = await readConfiguration(schema, input, () => {}).catch((error) => error);
  expect(failed).toBeInstanceOf(ConfigurationError);
  expect(failed.message).toMatch(reason);
  expect(failed.message).not.toContain('secret');
});
