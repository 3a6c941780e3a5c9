import { join } from 'node:path';
import type { Setup } from '../conformance/case.ts';
import { type Outcome, PATH_ENV, run } from '../conformance/test-ground.ts';
import type { Sandbox, SandboxCommand } from '../port.ts';
import { createNoneDriver } from '../process/driver.ts';
import { NODE_INSIDE } from '../reader/tools.ts';

/**
 * Runs an attack where nothing confines it. An attack that fails here too proves nothing when it
 * fails in a sandbox, so every case looks at its control first.
 */
export async function unconfined<T>(
  { ground }: Setup,
  attack: (sandbox: Sandbox) => Promise<T>,
): Promise<T> {
  const driver = createNoneDriver({ home: join(ground.root, 'control') });
  const sandbox = await driver.create(ground.spec());
  try {
    return await attack(sandbox);
  } finally {
    await sandbox.dispose();
  }
}

/** Runs a script in the platform's own Node. Arguments are `process.argv[1]` and on. */
export function runNode(sandbox: Sandbox, script: string, ...args: string[]): Promise<Outcome> {
  return run(sandbox, nodeCommand(sandbox, script, ...args));
}

export function nodeCommand(sandbox: Sandbox, script: string, ...args: string[]): SandboxCommand {
  const node = sandbox.place(NODE_INSIDE);
  return { argv: [node, '--no-warnings', '-e', script, ...args], env: PATH_ENV };
}

/** Connects to each address given as JSON, prints `connected` or the error code, one a line. */
export const CONNECT = `
const net = require('node:net');
(async () => {
  for (const text of process.argv.slice(1)) {
    const options = JSON.parse(text);
    console.log(await new Promise((resolve) => {
      const socket = net.connect({ ...options, timeout: 3000 });
      socket.on('connect', () => { resolve('connected'); socket.destroy(); });
      socket.on('error', (error) => resolve(error.code));
      socket.on('timeout', () => { resolve('timeout'); socket.destroy(); });
    }));
  }
})();
`;

export async function connections(sandbox: Sandbox, ...targets: object[]): Promise<string[]> {
  const texts = targets.map((target) => JSON.stringify(target));
  const { stdout } = await runNode(sandbox, CONNECT, ...texts);
  return stdout.trim().split('\n');
}
