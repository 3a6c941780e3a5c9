import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newPlaneKey, publicHalf } from '@karta/service/plane-auth';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { internalSurfaceOf, peersOf } from './plane-peers.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karta-peers-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('on loopback the other plane of this machine may speak, elsewhere it must be named', () => {
  expect(internalSurfaceOf({}, 9000)).toMatchObject({ host: '127.0.0.1', port: 9000 });
  const open = { KARTA_INTERNAL_HOST: '10.0.0.1' };
  expect(() => internalSurfaceOf(open, 9000)).toThrow('KARTA_INTERNAL_HOSTS is not set');
  const half = { ...open, KARTA_INTERNAL_HOSTS: 'control.internal' };
  expect(() => internalSurfaceOf(half, 9000)).toThrow('KARTA_INTERNAL_ADDRESSES is not set');
  expect(
    internalSurfaceOf({ ...half, KARTA_INTERNAL_ADDRESSES: '10.0.0.2, 10.1.0.0/16' }, 1),
  ).toEqual({
    host: '10.0.0.1',
    port: 1,
    allowed_hosts: ['control.internal'],
    allowed_addresses: ['10.0.0.2', '10.1.0.0/16'],
  });
});

test('peers are addresses with the files of their public keys', async () => {
  const key = publicHalf(newPlaneKey());
  const file = join(folder, 'key.json');
  await writeFile(file, JSON.stringify(key));
  expect(await peersOf(`http://10.0.0.2:9000=${file}, http://10.0.0.3:9000/=${file}`, 'X')).toEqual(
    [
      { internal_url: 'http://10.0.0.2:9000', key },
      { internal_url: 'http://10.0.0.3:9000', key },
    ],
  );
  expect(await peersOf('', 'X')).toEqual([]);
});

test('what is no address or no key is refused by name, without its content', async () => {
  const file = join(folder, 'private.json');
  await writeFile(file, JSON.stringify(newPlaneKey()));
  await expect(peersOf(file, 'KARTA_NODES')).rejects.toThrow('KARTA_NODES cannot be');
  await expect(peersOf(`http://a=${file}`, 'X')).rejects.toThrow(
    'is not the public key of a plane',
  );
  await expect(peersOf(`http://a=${folder}/none`, 'X')).rejects.toThrow('cannot be read (ENOENT)');
});
