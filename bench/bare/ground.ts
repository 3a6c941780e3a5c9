import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Harness, HarnessSetup } from '@karta/harness';
import { newId } from '@karta/protocol';
import { createNamespaceDriver, createNoneDriver, type Sandbox } from '@karta/sandbox';
import { startDoors } from '../../packages/doors/src/testing/index.ts';
import { readAppFolder } from '../../packages/harness/src/app/index.ts';

/** A sandbox as the platform makes it, and what a harness needs to start in it. */
export interface BareSandbox {
  sandbox: Sandbox;
  setup: HarnessSetup;
}

/** What the bare side of a bench stands on: real doors, a sandbox driver, and no platform. */
export interface BareGround {
  /** A fresh sandbox, over an earlier volume when one is named. */
  sandboxFor(harness: Harness, volumeId?: string): Promise<BareSandbox>;
  close(): Promise<void>;
}

export async function bareGround(
  application: string,
  isolation: 'namespace' | 'none' = 'namespace',
): Promise<BareGround> {
  const doors = await startDoors();
  const home = await mkdtemp(join(tmpdir(), 'karta-bare-'));
  const release = join(home, 'release');
  const source = fileURLToPath(new URL(`../applications/${application}`, import.meta.url));
  await cp(source, release, { recursive: true });
  const driver =
    isolation === 'none'
      ? createNoneDriver({ home })
      : createNamespaceDriver({ home, runtimeDir: join(home, 'run') });
  const app = await readAppFolder(release);
  const live = new Set<Sandbox>();
  return {
    async sandboxFor(harness, volumeId = `vol_${newId('sandbox').slice('sbx_'.length)}`) {
      const id = newId('sandbox');
      const channel = await doors.management.openChannel({
        channel_id: id,
        org_id: newId('org'),
        project_id: newId('project'),
        session_id: newId('session'),
        mode: 'live',
      });
      // All its turns are one to the doors: a call that has none waits for one.
      await doors.management.openTurn(id, newId('turn'));
      const setup: HarnessSetup = {
        app,
        detection: harness.detect(app),
        model: {
          offer: 'model',
          credential: channel.credential,
          families: harness.capabilities.families,
          defaults: { anthropic: 'claude-sonnet-4-5', openai: 'gpt-5' },
        },
      };
      const { memoryBytes, ...provision } = harness.provision(setup);
      const sandbox = await driver.create({
        ...provision,
        id,
        org: 'org_bench',
        volumeId,
        release,
        offers: [{ name: 'model', socket: channel.socket_path }],
        limits: { memoryBytes, pids: 512, cpus: 2, diskBytes: 1024 ** 3 },
      });
      live.add(sandbox);
      return { sandbox, setup };
    },
    async close() {
      for (const sandbox of live) await sandbox.dispose();
      await doors.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}
