import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

/**
 * `npm run setup:test`: installs what only tests and benches need into a cache that every checkout
 * of this machine shares, `${KARTA_CACHE:-~/.cache/karta}/test/<name>@<version>/`. These packages
 * are large or proprietary, so `npm install` never brings them.
 */
export interface TestPackage {
  name: string;
  version: string;
  /**
   * Digests that the lock file npm writes must show, by package name: npm checks the bytes against
   * the lock, we check the lock against this list. Packages of other platforms are absent from it.
   */
  integrity: Readonly<Record<string, string>>;
  /** Exact versions of what it depends on, where those that npm would take do not work. */
  overrides?: Readonly<Record<string, string>>;
}

/** The gateway that the bench of the doors holds them against. */
export const PEER_GATEWAY: TestPackage = {
  name: '@portkey-ai/gateway',
  version: '1.15.2',
  integrity: {
    '@portkey-ai/gateway':
      'sha512-OuwwQEJ0rnKQuPgaCqyMpP+X5Uly2h9EBDm5Lx/NYu9MXTzB/nKrKgjd8J3vPGeNpYoyxTzKSzTV2tGv8Dd+fg==',
  },
  // With later ones it answers 500 to every stream: its own issue 1389.
  overrides: { '@hono/node-server': '1.14.1' },
};

const TEST_PACKAGES: readonly TestPackage[] = [
  {
    name: '@anthropic-ai/claude-agent-sdk',
    version: '0.3.330',
    integrity: {
      '@anthropic-ai/claude-agent-sdk':
        'sha512-7om9Xus6tfkeCUCfzg6ilJuN6Z7okkEvJ0mx+ukXa/Id5U/6BGtPkOYni+3ebedwa3b9SVF7A05+ln+/9EoU/w==',
      '@anthropic-ai/claude-agent-sdk-linux-x64':
        'sha512-9w4uMdA3vNZXocwOUhivOGotXoRDxN/C/xPMkZMY9WPpKLAlj8upMZskNgPjQKlVRXhxPfNagcBijGPUH4WepA==',
      '@anthropic-ai/claude-agent-sdk-linux-arm64':
        'sha512-2Q+kfzaoTvJv1rsyu+iR4UHDZ3nxiOfdXISk+2ydQShU9DqXNlgQAt3BdJMh0Yx4MrxB66TMphVvVQeRslwwhA==',
    },
  },
  PEER_GATEWAY,
];

/** A download of some 400 MB on a slow line. */
const INSTALL_TIMEOUT_MS = 20 * 60 * 1000;

/** The folder that holds the packages of the tests: `KARTA_CACHE` names another root. */
export function testCacheRoot(env: NodeJS.ProcessEnv = process.env): string {
  return join(env.KARTA_CACHE ?? join(homedir(), '.cache', 'karta'), 'test');
}

/**
 * Installs one package and what it depends on below `root`, and answers its folder. A folder that
 * stands is complete: the work is done beside it and moved there in one step, so an interrupted run
 * leaves nothing that looks installed and two runs at once do no harm.
 *
 * Throws when npm fails or a digest is not the pinned one.
 */
export async function installTestPackage(
  wanted: TestPackage,
  root: string,
): Promise<{ folder: string; fresh: boolean }> {
  const folder = join(root, `${wanted.name}@${wanted.version}`);
  if (await exists(folder)) return { folder, fresh: false };
  const parent = dirname(folder);
  await mkdir(parent, { recursive: true });
  const work = await mkdtemp(join(parent, '.installing-'));
  try {
    const { name, version, overrides } = wanted;
    const manifest = { private: true, dependencies: { [name]: version }, overrides };
    await writeFile(join(work, 'package.json'), JSON.stringify(manifest));
    await runNpm(work);
    checkDigests(wanted, await readFile(join(work, 'package-lock.json'), 'utf8'));
    return { folder, fresh: await moveInto(work, folder) };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Peers are left out: a package whose peers are needed at run time gets an entry that names them. */
async function runNpm(cwd: string): Promise<void> {
  const args = ['install', '--ignore-scripts', '--legacy-peer-deps', '--no-audit', '--no-fund'];
  await promisify(execFile)('npm', args, { cwd, timeout: INSTALL_TIMEOUT_MS });
}

interface LockFile {
  packages?: Record<string, { version?: string; integrity?: string }>;
}

function checkDigests(wanted: TestPackage, lockText: string): void {
  const lock = JSON.parse(lockText) as LockFile;
  for (const [name, expected] of Object.entries(wanted.integrity)) {
    const locked = lock.packages?.[`node_modules/${name}`];
    if (locked === undefined && name !== wanted.name) continue;
    if (locked?.integrity !== expected) {
      throw new Error(
        `${name}: the registry's digest is ${locked?.integrity ?? 'missing'}, pinned is ${expected}`,
      );
    }
  }
}

/** Whether this run's folder is the one that stands in the end; a run beside it may win. */
async function moveInto(work: string, folder: string): Promise<boolean> {
  try {
    await rename(work, folder);
    return true;
  } catch (error) {
    if (await exists(folder)) return false;
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function main(): Promise<void> {
  const root = testCacheRoot();
  for (const wanted of TEST_PACKAGES) {
    const started = performance.now();
    const { folder, fresh } = await installTestPackage(wanted, root);
    const seconds = Math.round((performance.now() - started) / 1000);
    const state = fresh ? `installed in ${seconds} s` : 'already there';
    console.log(`${wanted.name}@${wanted.version}: ${state} (${folder})`);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
