import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findSdk, installation, loadSdk, SDK_PACKAGE, SDK_VERSION } from './locate-sdk.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'karta-sdk-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const env = () => ({ KARTA_HOME: join(root, 'home'), KARTA_CACHE: join(root, 'cache') });

/** What npm leaves behind: the SDK, and the package of its binary for this machine. */
async function install(folder: string, options: { binary?: boolean } = {}): Promise<void> {
  const sdk = join(folder, 'node_modules', SDK_PACKAGE);
  await mkdir(sdk, { recursive: true });
  const manifest = { name: SDK_PACKAGE, version: '9.9.9', exports: { '.': './sdk.mjs' } };
  await writeFile(join(sdk, 'package.json'), JSON.stringify(manifest));
  await writeFile(join(sdk, 'sdk.mjs'), 'export const query = () => "a query";\n');
  if (options.binary === false) return;
  const name = `${SDK_PACKAGE}-${process.platform}-${process.arch}`;
  const binary = join(folder, 'node_modules', name);
  await mkdir(binary, { recursive: true });
  await writeFile(join(binary, 'package.json'), JSON.stringify({ name, version: '9.9.9' }));
  await writeFile(join(binary, 'claude'), '');
}

describe('an SDK that is nowhere', () => {
  it('is told with the one command that installs it', async () => {
    const found = installation({ env: env() });
    expect(found.installed).toBe(false);
    expect(found).toMatchObject({
      message: expect.stringContaining(
        `npm install --prefix ${join(root, 'home', 'harness')} ${SDK_PACKAGE}@${SDK_VERSION}`,
      ),
    });
  });

  it('cannot be loaded', async () => {
    await expect(loadSdk({ env: env() })).rejects.toMatchObject({
      code: 'not_installed',
      message: expect.stringContaining('npm install'),
    });
  });
});

describe('an SDK', () => {
  it('is found in the home of the platform', async () => {
    await install(join(root, 'home', 'harness'));
    const found = installation({ env: env() });
    expect(found).toMatchObject({ installed: true, version: '9.9.9' });
    expect(findSdk({ env: env() })?.binary).toContain(join(root, 'home', 'harness'));
  });

  it('is found among what the tests install, after the home', async () => {
    const cached = join(root, 'cache', 'test', `${SDK_PACKAGE}@${SDK_VERSION}`);
    await install(cached);
    expect(findSdk({ env: env() })?.binary).toContain(cached);
    await install(join(root, 'home', 'harness'));
    expect(findSdk({ env: env() })?.binary).toContain(join(root, 'home'));
  });

  it('without a binary for this machine is none', async () => {
    await install(join(root, 'home', 'harness'), { binary: false });
    expect(findSdk({ env: env() })).toBeNull();
  });

  it('is loaded from where it was found', async () => {
    await install(join(root, 'home', 'harness'));
    const { sdk, found } = await loadSdk({ env: env() });
    expect((sdk.query as unknown as () => string)()).toBe('a query');
    expect(found.version).toBe('9.9.9');
  });
});
