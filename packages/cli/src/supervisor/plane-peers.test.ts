import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newPlaneKey, publicHalf } from '@karta/service/plane-auth';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { controlOf, internalSurfaceOf, nodesOf } from './plane-peers.ts';

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
  const keys = [publicHalf(newPlaneKey()), publicHalf(newPlaneKey())] as const;
  const files = [join(folder, 'data.json'), join(folder, 'doors.json')] as const;
  await Promise.all(files.map((file, index) => writeFile(file, JSON.stringify(keys[index]))));
  const both = files.join('=');
  expect(await nodesOf(`http://10.0.0.2:9000=${both}, http://10.0.0.3:9000/=${both}`)).toEqual([
    { internal_url: 'http://10.0.0.2:9000', key: keys[0], doors_key: keys[1] },
    { internal_url: 'http://10.0.0.3:9000', key: keys[0], doors_key: keys[1] },
  ]);
  expect(await nodesOf('')).toEqual([]);
  expect(await controlOf(`http://10.0.0.1:9001=${files[0]}`)).toEqual({
    internal_url: 'http://10.0.0.1:9001',
    key: keys[0],
  });
});

test('what is no address or no key is refused by name, without its content', async () => {
  const secret = join(folder, 'private.json');
  await writeFile(secret, JSON.stringify(newPlaneKey()));
  const file = join(folder, 'public.json');
  await writeFile(file, JSON.stringify(publicHalf(newPlaneKey())));
  await expect(nodesOf(file)).rejects.toThrow('KARTA_NODES cannot be');
  await expect(nodesOf(`http://a=${file}`)).rejects.toThrow('KARTA_NODES cannot be');
  await expect(nodesOf(`http://a=${file}=${file}`)).rejects.toThrow('names one key twice');
  await expect(nodesOf(`http://a=${file}=${secret}`)).rejects.toThrow(
    'is not the public key of a plane',
  );
  await expect(controlOf(`http://a=${secret}`)).rejects.toThrow('is not the public key of a plane');
  await expect(controlOf(`http://a=${folder}/none`)).rejects.toThrow('cannot be read (ENOENT)');
  await expect(controlOf('')).rejects.toThrow('does not name one control plane');
  const twice = `http://a=${file},http://b=${file}`;
  await expect(controlOf(twice)).rejects.toThrow('does not name one control plane');
});
