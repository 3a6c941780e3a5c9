import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNamespaceDriver, createNoneDriver, type SandboxDriver } from '@karta/sandbox';
import { type Finding, finding } from './finding.ts';

/**
 * What each rung of isolation gives on this machine, strongest first, tried in a folder of its own.
 * A machine with no rung but `none` starts only the bundled examples.
 */
export async function sandboxFindings(): Promise<Finding[]> {
  const home = await mkdtemp(join(tmpdir(), 'karta-doctor-'));
  try {
    const namespaces = createNamespaceDriver({ home, runtimeDir: join(home, 'run') });
    return [await rungFinding(namespaces), await rungFinding(createNoneDriver({ home }))];
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/** What one driver's probe says. */
export async function rungFinding(driver: Pick<SandboxDriver, 'id' | 'isolation' | 'probe'>) {
  const { usable, notes, problems } = await driver.probe();
  if (!usable) return finding('sandbox', driver.id, 'missing', notes, problems);
  // `none` is always there and always has its one problem.
  const good = problems.length === 0 || driver.isolation === 'none';
  return finding('sandbox', driver.id, good ? 'good' : 'weak', notes, problems);
}
