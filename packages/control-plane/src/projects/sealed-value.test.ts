import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { openSealer } from './sealed-value.ts';

async function home(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'karta-seal-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

test('any value opens in its own place, after a restart too, and shows nothing of itself', async () => {
  const at = await home();
  const [sealer, later] = [await openSealer(at), await openSealer(at)];
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 4 }), (value) => {
      const sealed = sealer.seal(value, ['env', 'proj_1', 'NAME']);
      expect(later.open(sealed, ['env', 'proj_1', 'NAME'])).toBe(
        Buffer.from(value, 'utf8').toString('utf8'),
      );
      const plain = Buffer.from(value, 'utf8');
      for (const part of [sealed.value, sealed.data_key]) {
        expect(Buffer.from(part, 'base64').includes(plain)).toBe(false);
      }
      expect(sealer.seal(value, ['env', 'proj_1', 'NAME'])).not.toEqual(sealed);
    }),
  );
});

test('a sealed value opens nowhere else, changed, or under another key', async () => {
  const sealer = await openSealer(await home());
  const other = await openSealer(await home());
  const sealed = sealer.seal('sesame', ['env', 'proj_1', 'NAME']);
  expect(() => sealer.open(sealed, ['env', 'proj_2', 'NAME'])).toThrow();
  expect(() => sealer.open(sealed, ['env', 'proj_1', 'OTHER'])).toThrow();
  expect(() => other.open(sealed, ['env', 'proj_1', 'NAME'])).toThrow('another master key');
  const bytes = Buffer.from(sealed.value, 'base64');
  bytes[20] = (bytes[20] ?? 0) ^ 1;
  const changed = { ...sealed, value: bytes.toString('base64') };
  expect(() => sealer.open(changed, ['env', 'proj_1', 'NAME'])).toThrow();
});
