import type { Readable } from 'node:stream';
import { KartaError, LIMITS, newId } from '@karta/protocol';
import type { Release } from '../control/port.ts';
import { bundledDigests } from '../releases/bundled.ts';
import { valuesOf } from '../releases/env-values.ts';
import { Admission } from './admission.ts';
import { type Booted, type BootParts, boot, closeChannel, newVolumeId } from './booted.ts';
import type { RunnerConfig } from './config.ts';
import { DoorsClient } from './doors/doors-client.ts';
import { servedFamilies } from './doors/families.ts';
import { RUNNER_LIMITS } from './limits.ts';
import type { LiveSession } from './live-session.ts';
import type { HostSupport, MachineHost } from './machine/machine-port.ts';
import { defaultMemoryBudget } from './memory-budget.ts';
import { Pool } from './pool.ts';
import type { LiveHarness, Runner, RunnerSession } from './port.ts';
import { runTurn } from './run-turn.ts';
import { type EndCause, type Notice, SessionTable } from './session-table.ts';

/** A runner over a machine host. `config` and `host` must be of one platform home. */
export function runnerOn(host: MachineHost, config: RunnerConfig): Runner {
  const { log } = config;
  const doors = new DoorsClient(config.doors);
  const budgetBytes = config.memoryBudgetBytes ?? defaultMemoryBudget();
  const listeners: ((sessionId: string, cause: EndCause, message: string) => void)[] = [];
  let support: HostSupport | null = null;
  let bundled: ReadonlySet<string> = new Set();
  let stopping = false;
  let stopped: Promise<void> | null = null;
  /** Harnesses being started for somebody who waits. */
  let opening = 0;

  const parts: BootParts = {
    host,
    doors,
    families: servedFamilies(doors),
    async envOf(release) {
      const { secrets } = await host.describe(release);
      return { ...release.config.env, ...valuesOf(secrets, config.environment ?? {}) };
    },
    log,
  };
  const admission = new Admission({
    budgetBytes,
    waitMs: config.capacityWaitMs ?? LIMITS.capacityWaitMs,
    end(id) {
      const live = sessions.sessionOf(id);
      if (live === null) pool.drop(id);
      else background(sessions.end(live.sessionId, 'hibernated', 'its memory was needed'));
    },
  });
  const memories = new Map<string, number>();
  /** Volumes of slots, which no session knows. */
  const slotVolumes = new Set<string>();
  const pool: Pool = new Pool({
    size: config.poolSize,
    start: startSlot,
    discard: discardSlot,
    mayStart: () => sessions.booting === 0 && opening === 0,
    log,
  });
  const sessions: SessionTable = new SessionTable({
    ...parts,
    admission,
    pool,
    idleMs: config.idleMs ?? LIMITS.idleMs,
    memoryOf: (session) => memoryOf(session.release),
    claimed: (slot) => slotVolumes.delete(slot.volumeId),
    discard: discardSlot,
    ended(sessionId, cause, message) {
      for (const listener of listeners) listener(sessionId, cause, message);
    },
  });

  async function memoryOf(release: Release): Promise<number> {
    const { memoryBytes } = await host.describe(release);
    memories.set(release.id, memoryBytes);
    return memoryBytes;
  }

  function startSlot(release: Release): Promise<Booted> | null {
    const bytes = memories.get(release.id);
    if (bytes === undefined) return null;
    const id = newId('sandbox');
    if (!admission.tryPark(id, bytes, budgetBytes * RUNNER_LIMITS.poolShare)) return null;
    return warmSlot(id, release);
  }

  async function warmSlot(id: string, release: Release): Promise<Booted> {
    const volumeId = newVolumeId();
    slotVolumes.add(volumeId);
    let slot: Booted | null = null;
    try {
      slot = await boot(parts, { id, volumeId, release, sessionId: null });
      await slot.machine.open({ resumeId: null, warm: true });
      pool.worked(release);
      log.info({ release: release.id, sandbox: id }, 'a pool slot is ready');
      return slot;
    } catch (error) {
      if (slot === null) admission.release(id);
      else await discardSlot(slot);
      throw error;
    }
  }

  async function discardSlot(slot: Booted): Promise<void> {
    try {
      await slot.machine.dispose();
    } finally {
      admission.release(slot.id);
    }
    await closeChannel(parts, slot.id);
    await host.destroyVolume(slot.volumeId);
    slotVolumes.delete(slot.volumeId);
  }

  function mayRun(release: Release): boolean {
    if (support?.isolation !== 'none' || config.allowUnsandboxed) return true;
    return bundled.has(release.digest);
  }

  function background(work: Promise<unknown>): void {
    work.catch((error: unknown) => log.error({ err: error }, 'a sandbox could not be ended'));
  }

  function ready(session: RunnerSession): void {
    if (stopping) throw new KartaError('shutting_down', undefined, { retryAfter: 5 });
    if (support === null) throw new KartaError('internal', 'The runner is not started.');
    if (!mayRun(session.release)) throw new KartaError('harness_failed', UNSANDBOXED);
  }

  async function attach(session: RunnerSession, notice: Notice): Promise<LiveHarness> {
    ready(session);
    const live = await sessions.machine(session, notice, true);
    const done = live.use();
    try {
      live.opening ??= openHarness(live, session.resumeId);
      await live.opening;
    } finally {
      done(RUNNER_LIMITS.attachGraceMs);
    }
    return harnessOf(live);
  }

  async function openHarness(live: LiveSession, resumeId: string | null): Promise<void> {
    opening += 1;
    try {
      await live.booted.machine.open({ resumeId, warm: false });
      live.open = true;
    } catch (error) {
      background(sessions.end(live.sessionId, 'exited', 'the harness did not start'));
      throw error;
    } finally {
      opening -= 1;
      pool.fill();
    }
  }

  function harnessOf(live: LiveSession): LiveHarness {
    const { booted } = live;
    const { machine } = booted;
    const lost = () => background(sessions.end(live.sessionId, 'exited', 'its channel is gone'));
    return {
      isolation: machine.isolation,
      volumeId: booted.volumeId,
      get resumeId() {
        return machine.resumeId;
      },
      async *turn(turnId, input, signal) {
        const done = live.use();
        const turn = Promise.withResolvers<void>();
        live.turns.add(turn.promise);
        try {
          yield* runTurn({ doors, log, lost }, booted, turnId, input, signal);
        } finally {
          live.turns.delete(turn.promise);
          turn.resolve();
          done();
        }
      },
      answer: (requestId, answer) => machine.answer(requestId, answer),
    };
  }

  /** Runs a file call on the session's machine, which is busy until the call's stream has ended. */
  async function withMachine<T>(
    session: RunnerSession,
    call: (live: LiveSession) => Promise<T>,
    bodyOf: (answer: T) => Readable | null = () => null,
  ): Promise<T> {
    ready(session);
    const live = await sessions.machine(session, () => undefined, false);
    const done = live.use();
    try {
      const answer = await call(live);
      const body = bodyOf(answer);
      if (body === null) done();
      else body.once('close', () => done());
      return answer;
    } catch (error) {
      done();
      throw error;
    }
  }

  return {
    get isolation() {
      return support?.isolation ?? null;
    },
    async start(releases) {
      support = await host.start();
      log.info({ isolation: support.isolation, notes: support.notes }, 'sandboxes are ready');
      if (support.isolation === 'none') bundled = await bundledDigests();
      await keepWarm(releases);
    },
    keepWarm: (releases) => background(keepWarm(releases)),
    describe: (release) => host.describe(release),
    attach,
    async *history(session) {
      const { resumeId } = session;
      if (resumeId === null || sessions.volumeOf(session) === null) return;
      ready(session);
      const live = await sessions.machine(session, () => undefined, false);
      const done = live.use();
      try {
        yield* live.booted.machine.history(resumeId);
      } finally {
        done();
      }
    },
    listFiles(session, prefix) {
      if (sessions.volumeOf(session) === null) return host.releaseFiles(session.release, prefix);
      return withMachine(session, (live) => live.booted.machine.listFiles(prefix));
    },
    readFile(session, path) {
      if (sessions.volumeOf(session) === null) return host.releaseFile(session.release, path);
      return withMachine(
        session,
        (live) => live.booted.machine.readFile(path),
        ({ body }) => body,
      );
    },
    writeFile: (session, path, body, maxBytes) =>
      withMachine(session, async ({ booted }) => {
        const { size } = await booted.machine.writeFile(path, body, maxBytes);
        return { size, volumeId: booted.volumeId };
      }),
    removeFile: (session, path) =>
      withMachine(session, async ({ booted }) => {
        await booted.machine.removeFile(path);
        return { volumeId: booted.volumeId };
      }),
    hibernate: (sessionId) => sessions.end(sessionId, 'hibernated', 'it was hibernated'),
    async destroy(session) {
      await sessions.end(session.sessionId, 'destroyed', 'the session has ended');
      const volumeId = sessions.volumeOf(session);
      if (volumeId !== null) await host.destroyVolume(volumeId);
      sessions.forget(session.sessionId);
    },
    async sweepVolumes(known) {
      for (const volumeId of await host.volumes()) {
        const ours = slotVolumes.has(volumeId) || sessions.volumes().includes(volumeId);
        if (ours || (await known(volumeId))) continue;
        await host.destroyVolume(volumeId);
      }
    },
    isLive: (sessionId) => sessions.live(sessionId)?.open ?? false,
    onEnded: (listener) => void listeners.push(listener),
    stop() {
      stopped ??= stop();
      return stopped;
    },
  };

  async function stop(): Promise<void> {
    stopping = true;
    admission.close();
    await Promise.all([pool.stop(), sessions.endAll()]);
    await host.stop();
    await pool.settled();
    await host.close();
    doors.close();
  }

  async function keepWarm(releases: readonly Release[]): Promise<void> {
    for (const release of releases) {
      if (memories.has(release.id)) continue;
      await memoryOf(release).catch((error: unknown) => {
        log.warn({ err: error, release: release.id }, 'a release cannot be kept warm');
      });
    }
    const startable = releases.filter((release) => memories.has(release.id) && mayRun(release));
    pool.keepWarm(stopping ? [] : startable);
  }
}

const UNSANDBOXED =
  'Nothing on this server isolates agents, so only the bundled examples run. ' +
  'Install bubblewrap, or use karta dev to run your own code without isolation.';
