import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { SandboxDriver, SandboxSpec, Support } from '../port.ts';
import type { Machine } from './machine.ts';
import { missingPackages, NEEDED, NEEDED_AS_ROOT } from './programs.ts';

const PROOF = 'karta-probe';
const MIB = 1024 * 1024;
/** A sandbox boots in some 50 ms; a machine on which it takes longer than this is not usable. */
const PROBE_TIMEOUT_MS = 20_000;

/** Boots a sandbox, runs a command in it, and tells what this machine gives. Never rejects. */
export async function probeNamespaces(
  driver: SandboxDriver,
  machine: () => Promise<Machine>,
  home: string,
): Promise<Support> {
  if (process.platform !== 'linux') {
    return { usable: false, notes: [], problems: ['namespaces need Linux'] };
  }
  const packages = missingPackages(NEEDED, ...(process.getuid?.() === 0 ? [NEEDED_AS_ROOT] : []));
  if (packages.length > 0) {
    const command = `apt-get install -y ${packages.join(' ')}`;
    return { usable: false, notes: [], problems: [`not installed: run \`${command}\``] };
  }
  try {
    const { notes, problems } = await machine();
    const failure = await tryBoot(driver, home);
    if (failure === null) return { usable: true, notes, problems };
    return { usable: false, notes, problems: [...problems, failure] };
  } catch (error) {
    return {
      usable: false,
      notes: [],
      problems: [`no sandbox boots: ${(error as Error).message}`],
    };
  }
}

/** Why a sandbox does not work, or `null`. */
async function tryBoot(driver: SandboxDriver, home: string): Promise<string | null> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  const release = await mkdtemp(join(home, 'probe-'));
  const name = basename(release);
  const spec: SandboxSpec = {
    id: name,
    org: name,
    volumeId: name,
    release,
    protectedPaths: [],
    tools: [],
    files: [],
    offers: [],
    listens: [],
    limits: { memoryBytes: 64 * MIB, pids: 16, cpus: 1, diskBytes: 16 * MIB },
  };
  try {
    await writeFile(join(release, 'proof'), PROOF);
    const sandbox = await driver.create(spec);
    try {
      const child = sandbox.spawn({ argv: ['/bin/cat', 'proof'], env: {} });
      const timer = setTimeout(() => child.kill('SIGKILL'), PROBE_TIMEOUT_MS);
      child.stdin.end();
      const [stdout, stderr] = await Promise.all([
        child.stdout.toArray(),
        child.stderr.toArray(),
        child.exited,
      ]);
      clearTimeout(timer);
      if (stdout.join('') === PROOF) return null;
      return `a sandbox starts no command: ${stderr.join('').slice(0, 500).trim()}`;
    } finally {
      await sandbox.dispose();
      await driver.destroyVolume(name);
    }
  } finally {
    await rm(release, { recursive: true, force: true });
  }
}
