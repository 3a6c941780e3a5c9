import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { installTestPackage, type TestPackage, testCacheRoot } from './setup-test.ts';

/** A registry with one package, so that the real npm runs without a network. */
let registry: Server;
let scratch: string;
let wanted: TestPackage;
let downloads = 0;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'karta-setup-test-'));
  const source = join(scratch, 'package');
  await mkdir(source);
  const manifest = { name: 'tiny', version: '1.0.0' };
  await writeFile(join(source, 'package.json'), JSON.stringify(manifest));
  const archive = join(scratch, 'tiny.tgz');
  await promisify(execFile)('tar', ['-czf', archive, '-C', scratch, 'package']);
  const bytes = await readFile(archive);
  const integrity = `sha512-${createHash('sha512').update(bytes).digest('base64')}`;
  registry = createServer((request, response) => {
    if (request.url?.endsWith('.tgz')) {
      downloads += 1;
      response.end(bytes);
      return;
    }
    const tarball = `http://${request.headers.host}/tiny-1.0.0.tgz`;
    const version = { ...manifest, dist: { tarball, integrity } };
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({
        name: 'tiny',
        'dist-tags': { latest: '1.0.0' },
        versions: { '1.0.0': version },
      }),
    );
  });
  registry.listen(0, '127.0.0.1');
  await once(registry, 'listening');
  const { port } = registry.address() as AddressInfo;
  vi.stubEnv('npm_config_registry', `http://127.0.0.1:${port}/`);
  vi.stubEnv('npm_config_cache', join(scratch, 'npm-cache'));
  wanted = { name: 'tiny', version: '1.0.0', integrity: { tiny: integrity } };
});

afterAll(async () => {
  vi.unstubAllEnvs();
  registry.close();
  await rm(scratch, { recursive: true, force: true });
});

it('installs once, and a second run finds it there', async () => {
  const root = join(scratch, 'once');
  const first = await installTestPackage(wanted, root);
  expect(first).toEqual({ folder: join(root, 'tiny@1.0.0'), fresh: true });
  const installed = join(first.folder, 'node_modules', 'tiny', 'package.json');
  expect(JSON.parse(await readFile(installed, 'utf8'))).toMatchObject({ version: '1.0.0' });
  const before = downloads;
  expect(await installTestPackage(wanted, root)).toEqual({ ...first, fresh: false });
  expect(downloads).toBe(before);
});

it('does no harm when two runs install at once', async () => {
  const root = join(scratch, 'twice');
  const runs = await Promise.all([
    installTestPackage(wanted, root),
    installTestPackage(wanted, root),
  ]);
  expect(runs.filter((run) => run.fresh)).toHaveLength(1);
  expect(await readdir(root)).toEqual(['tiny@1.0.0']);
});

it('refuses a package whose digest is not the pinned one, and leaves nothing', async () => {
  const root = join(scratch, 'wrong');
  const other = { ...wanted, integrity: { tiny: 'sha512-other' } };
  await expect(installTestPackage(other, root)).rejects.toThrow(/tiny: the registry's digest/);
  expect(await readdir(root)).toEqual([]);
});

it('asks no digest of a package that npm left out for this platform', async () => {
  const root = join(scratch, 'platform');
  const more = { ...wanted, integrity: { ...wanted.integrity, 'tiny-arm64': 'sha512-x' } };
  expect((await installTestPackage(more, root)).fresh).toBe(true);
});

it('keeps its folders where KARTA_CACHE says', () => {
  expect(testCacheRoot({ KARTA_CACHE: '/cache' })).toBe('/cache/test');
  expect(testCacheRoot({})).toMatch(/\.cache\/karta\/test$/);
});
