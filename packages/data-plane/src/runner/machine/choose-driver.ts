import { KartaError } from '@karta/protocol';
import { createNamespaceDriver, createNoneDriver, type SandboxDriver } from '@karta/sandbox';

export interface DriverChoice {
  /** `auto`: the strongest that works here. */
  wanted: 'auto' | 'namespace' | 'none';
  home: string;
  runtimeDir: string;
}

/**
 * The sandbox driver of this server, tried before it is believed. Throws
 * `KartaError('harness_failed')` when the one that is wanted does not work.
 */
export async function chooseDriver(
  choice: DriverChoice,
): Promise<{ driver: SandboxDriver; notes: string[] }> {
  const { wanted, home, runtimeDir } = choice;
  const notes: string[] = [];
  if (wanted !== 'none') {
    const driver = createNamespaceDriver({ home, runtimeDir });
    const support = await driver.probe();
    notes.push(...support.notes, ...support.problems);
    if (support.usable) return { driver, notes };
    if (wanted === 'namespace') {
      throw new KartaError(
        'harness_failed',
        `Sandboxes do not work: ${support.problems.join('; ')}`,
      );
    }
  }
  const driver = createNoneDriver({ home });
  const { notes: held, problems } = await driver.probe();
  return { driver, notes: [...notes, ...held, ...problems] };
}
