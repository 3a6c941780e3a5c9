import { availableParallelism } from 'node:os';
import { KartaError, LIMITS } from '@karta/protocol';
import type { Release } from '../control/port.ts';
import { bundledDigests } from '../releases/bundled.ts';
import { valuesOf } from '../releases/env-values.ts';
import { Admission } from './admission.ts';
import type { BootParts } from './booted.ts';
import type { RunnerConfig } from './config.ts';
import { DoorsClient } from './doors/doors-client.ts';
import { servedFamilies } from './doors/families.ts';
import { FairSlots } from './fair-slots.ts';
import { RUNNER_LIMITS } from './limits.ts';
import { liveHarness } from './live-harness.ts';
import type { LiveSession } from './live-session.ts';
import type { HostSupport, MachineHost } from './machine/machine-port.ts';
import { defaultMemoryBudget } from './memory-budget.ts';
import { Pool } from './pool.ts';
import type { LiveHarness, Runner, RunnerSession } from './port.ts';
import { rememberedFacts } from './release-facts.ts';
import { sessionFiles } from './session-files.ts';
import { type EndCause, type Notice, SessionTable } from './session-table.ts';
import { Slots } from './slots.ts';

/** A runner over a machine host. `config` and `host` must be of one platform home. */
export function runnerOn(host: MachineHost, config: RunnerConfig): Runner {
  const { log } = config;
  const doors = new DoorsClient(config.doors);
  const describe = rememberedFacts((release) => host.describe(release));
  const budgetBytes = config.memoryBudgetBytes ?? defaultMemoryBudget();
  const listeners: ((sessionId: string, cause: EndCause, message: string) => void)[] = [];
  let support: HostSupport | null = null;
  let bundled: ReadonlySet<string> = new Set();
  let stopping = false;
  let stopped: Promise<void> | null = null;
  let wantedWarm: readonly Release[] = [];
  /** Harnesses being started for somebody who waits, or waiting to be. */
  let opening = 0;
  const starts = new FairSlots(
    Math.max(RUNNER_LIMITS.leastStarts, availableParallelism()),
    RUNNER_LIMITS.reservedStarts,
    RUNNER_LIMITS.startHoldMs,
  );

  const parts: BootParts = {
    host,
    doors,
    families: servedFamilies(doors),
    async envOf(release) {
      const { secrets } = await describe(release);
      return { ...release.config.env, ...(await parts.secretsOf(release, secrets)) };
    },
    secretsOf:
      config.secretsOf ?? (async (_release, names) => valuesOf(names, config.environment ?? {})),
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
  const slots = new Slots(parts, admission, budgetBytes * RUNNER_LIMITS.poolShare);
  const pool: Pool = new Pool({
    size: config.poolSize,
    start: (release) => slots.start(release),
    discard: (slot) => slots.discard(slot),
    taken: (id) => admission.claim(id),
    mayStart: () => sessions.booting === 0 && opening === 0,
    log,
  });
  const sessions: SessionTable = new SessionTable({
    ...parts,
    admission,
    pool,
    slots,
    idleMs: config.idleMs ?? LIMITS.idleMs,
    ended(sessionId, cause, message) {
      for (const listener of listeners) listener(sessionId, cause, message);
    },
  });

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
      live.opening ??= openHarness(live, session);
      await live.opening;
    } finally {
      done(RUNNER_LIMITS.attachGraceMs);
    }
    const lost = () => background(sessions.end(live.sessionId, 'exited', 'its channel is gone'));
    return liveHarness(live, { doors, log, lost });
  }

  async function openHarness(live: LiveSession, { orgId, resumeId }: RunnerSession): Promise<void> {
    opening += 1;
    try {
      await starts.run(orgId, () => live.booted.machine.open({ resumeId, warm: false }));
      live.open = true;
    } catch (error) {
      background(sessions.end(live.sessionId, 'exited', 'the harness did not start'));
      throw error;
    } finally {
      opening -= 1;
      pool.fill();
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
    describe,
    attach,
    ...sessionFiles(host, sessions, ready),
    hibernate: (sessionId) => sessions.end(sessionId, 'hibernated', 'it was hibernated'),
    async destroy(session) {
      await sessions.end(session.sessionId, 'destroyed', 'the session has ended');
      const volumeId = sessions.volumeOf(session);
      if (volumeId !== null) await host.destroyVolume(volumeId);
      sessions.forget(session.sessionId);
    },
    async sweepVolumes(known) {
      for (const volumeId of await host.volumes()) {
        if (slots.has(volumeId) || sessions.hasVolume(volumeId)) continue;
        if (await known(volumeId)) continue;
        await host.destroyVolume(volumeId);
        log.info({ volume: volumeId }, 'a volume that no session has was destroyed');
      }
    },
    counts: () => ({ live: sessions.size, parked: pool.ready }),
    async connections(sessionId) {
      const live = sessions.live(sessionId);
      return live === null ? NO_CONNECTIONS : doors.connections(live.booted.id);
    },
    doorsRestarted(start) {
      log.warn({ start }, 'the doors were started again: sandboxes of before are ended');
      sessions.endOlder(start);
      pool.dropOlder(start);
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
    wantedWarm = releases;
    const startable: Release[] = [];
    for (const release of releases.filter(mayRun)) {
      try {
        await slots.memoryOf(release);
        startable.push(release);
      } catch (error) {
        log.warn({ err: error, release: release.id }, 'a release cannot be kept warm');
      }
    }
    // A later call may have overtaken this one.
    if (wantedWarm === releases && !stopping) pool.keepWarm(startable);
  }
}

const NO_CONNECTIONS = { connections: [], dropped: 0 };

const UNSANDBOXED =
  'Nothing on this server isolates agents, so only the bundled examples run. ' +
  'Install bubblewrap, or use karta dev to run your own code without isolation.';
