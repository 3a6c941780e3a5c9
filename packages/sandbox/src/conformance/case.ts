import type { Sandbox, SandboxDriver, SandboxSpec } from '../port.ts';
import { type TestGround, testGround } from './test-ground.ts';

/** A driver under test, with a folder of its own. */
export interface Setup {
  driver: SandboxDriver;
  ground: TestGround;
  /** Whether the driver confines at all; `none` promises less. */
  confined: boolean;
  /** Makes a sandbox that the suite disposes of. */
  create(overrides?: Partial<SandboxSpec>): Promise<Sandbox>;
}

/** One promise of the port. It is kept free of any test runner, as some run under another user. */
export interface Case {
  name: string;
  /** Promised by drivers that confine only. */
  confinedOnly?: boolean;
  run(setup: Setup): Promise<void>;
}

export type MakeDriver = (ground: TestGround) => SandboxDriver;

/** Runs one case on fresh ground, and leaves nothing behind whatever happens. */
export async function runCase(given: Case, makeDriver: MakeDriver): Promise<void> {
  const ground = await testGround();
  const driver = makeDriver(ground);
  const made: Sandbox[] = [];
  try {
    await given.run({
      driver,
      ground,
      confined: driver.isolation !== 'none',
      async create(overrides) {
        const sandbox = await driver.create(ground.spec(overrides));
        made.push(sandbox);
        return sandbox;
      },
    });
  } finally {
    await Promise.all(made.map((sandbox) => sandbox.dispose()));
    for (const volume of await driver.volumes()) await driver.destroyVolume(volume);
    await ground.remove();
  }
}
