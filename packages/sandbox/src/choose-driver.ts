import { createNamespaceDriver, type NamespaceDriverOptions } from './bubblewrap/driver.ts';
import { type SandboxDriver, SandboxError, type Support } from './port.ts';
import { createNoneDriver } from './process/driver.ts';

export type WantedDriver = 'auto' | 'namespace' | 'none';

/** One rung of isolation as this machine has it, strongest first. */
export interface Rung {
  driver: SandboxDriver;
  support: Support;
}

export interface ChosenDriver {
  driver: SandboxDriver;
  /** Every rung that was looked at, for `karta doctor`; those below the chosen one are not. */
  rungs: Rung[];
}

/**
 * Picks the strongest driver that works here, by using each, or the wanted one.
 * Throws `SandboxError('unsupported')` when the wanted one does not work.
 */
export async function chooseDriver(
  wanted: WantedDriver,
  options: NamespaceDriverOptions,
): Promise<ChosenDriver> {
  const ladder: SandboxDriver[] = [];
  if (wanted !== 'none') ladder.push(createNamespaceDriver(options));
  if (wanted !== 'namespace') ladder.push(createNoneDriver(options));
  const rungs: Rung[] = [];
  for (const driver of ladder) {
    const support = await driver.probe();
    rungs.push({ driver, support });
    if (support.usable) return { driver, rungs };
  }
  const reasons = rungs.flatMap((rung) => rung.support.problems).join('; ');
  throw new SandboxError('unsupported', `no sandbox of namespaces works here: ${reasons}`);
}
