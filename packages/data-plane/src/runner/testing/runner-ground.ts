import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { NO_PAYER, newId } from '@karta/protocol';
import { onTestFinished } from 'vitest';
import { type StartedDoors, startDoors } from '../../../../doors/src/testing/index.ts';
import { oneByOne } from '../../../../harness/src/testing/event-batches.ts';
import type { Release } from '../../control/port.ts';
import { releaseOfFolder } from '../../releases/testing/release-of-folder.ts';
import { type FolderSpec, folderOf, tempFolder } from '../../releases/testing/temp-folder.ts';
import type { RunnerConfig } from '../config.ts';
import { createRunner } from '../create-runner.ts';
import type { LiveHarness, Runner, RunnerEvent, RunnerSession } from '../port.ts';
import { HARNESS } from './runner-harness.ts';

/** A platform home with real doors, to publish to and to run sessions on. */
export interface RunnerGround {
  home: string;
  doors: StartedDoors;
  /** A release of a folder with these files. */
  publish(files: FolderSpec): Promise<Release>;
  publishFolder(folder: string): Promise<Release>;
  /** Closes every channel behind the runner's back. */
  forgetChannels(): Promise<void>;
  /** A started runner, stopped when the test ends. */
  runner(releases: readonly Release[], config?: Partial<RunnerConfig>): Promise<Runner>;
  /** Everything the runners of this ground have logged. */
  logged: { level: string; message: string; details: object }[];
}

/** Makes a ground that goes with the test. */
export async function runnerGround(
  doorsOptions: Parameters<typeof startDoors>[0] = {},
): Promise<RunnerGround> {
  const home = await tempFolder('kr-');
  const runtimeDir = join(home, 'run');
  await mkdir(runtimeDir, { mode: 0o700 });
  const doors = await startDoors(doorsOptions);
  onTestFinished(() => doors.stop());
  const logged: RunnerGround['logged'] = [];
  const logs = (level: string) => (details: object, message: string) =>
    void logged.push({ level, message, details });

  return {
    home,
    doors,
    logged,
    publish: async (files) => publish(await folderOf({ ...HARNESS.application, ...files })),
    publishFolder: publish,
    async forgetChannels() {
      for (const name of await readdir(join(home, 'sandboxes'))) {
        const id = /^(sbx_[0-9a-f]+)/.exec(name)?.[1];
        if (id !== undefined) await doors.management.closeChannel(id);
      }
    },
    async runner(releases, config = {}) {
      const runner = createRunner({
        home,
        runtimeDir,
        doors: { managementSocket: doors.managementSocket, token: doors.managementToken },
        sandbox: 'namespace',
        poolSize: 0,
        allowUnsandboxed: false,
        workers: 1,
        log: { info: logs('info'), warn: logs('warn'), error: logs('error') },
        ...config,
      });
      onTestFinished(() => runner.stop());
      await runner.start(releases);
      return runner;
    },
  };

  async function publish(folder: string): Promise<Release> {
    return releaseOfFolder(home, folder, (await doors.management.upstreams()).upstreams);
  }
}

/** A session that nobody has used. */
export function newSession(release: Release): RunnerSession {
  const { orgId, projectId } = release;
  const sessionId = newId('session');
  return { sessionId, orgId, projectId, mode: 'live', release, volumeId: null, resumeId: null };
}

/** A message with a script for the demo model. */
export function scripted(...steps: object[]): string {
  return `please @@${JSON.stringify(steps)}@@`;
}

/** What one turn told. */
export interface Told {
  text: string;
  events: RunnerEvent[];
  end: Extract<RunnerEvent, { type: 'end' }>;
}

/** Runs one turn to its end. */
export async function runTurnOn(
  harness: LiveHarness,
  text: string,
  options: { signal?: AbortSignal; onEvent?: (event: RunnerEvent) => void; turnId?: string } = {},
): Promise<Told> {
  const { signal = new AbortController().signal, turnId = newId('turn') } = options;
  const input = { text, agent: 'default', thinking: false, attachments: [] };
  const events: RunnerEvent[] = [];
  const turn = { id: turnId, orgGrant: null, payer: NO_PAYER };
  for await (const event of oneByOne(harness.turn(turn, input, signal))) {
    events.push(event);
    options.onEvent?.(event);
  }
  const end = events.at(-1);
  if (end?.type !== 'end') throw new Error('the turn did not end with end');
  const texts = events.map((event) => (event.type === 'text' ? event.text : ''));
  return { text: texts.join(''), events, end };
}
