import { setTimeout as delay } from 'node:timers/promises';
import { IdempotencyKeys } from '@karta/postgres';
import { LIMITS, TURN_ERRORS } from '@karta/protocol';
import type { DataTables } from '../sql/index.ts';
import { endSession } from './end-session.ts';
import type { Engine } from './engine.ts';
import { ENGINE_TIMES, type EngineTimes } from './limits.ts';
import { LiveSessions } from './live-sessions.ts';
import type { SessionService } from './port.ts';
import { recoverTurns } from './recovery.ts';
import { ReleasePins } from './release-pins.ts';
import { sessionService } from './service.ts';
import { shuttingDown } from './shutting-down.ts';
import { stopOrgs } from './stop-orgs.ts';
import { TurnQueue } from './turn-queue.ts';

/** How often memory is looked through for sessions to put away, at most. */
const SWEEP_MS = 30_000;
/** How often the database is looked through for what is too old. */
const EXPIRY_SWEEP_MS = 10 * 60 * 1000;
/** Sessions ended in one look. */
const EXPIRY_BATCH = 100;

export interface EngineStats {
  liveSessions: number;
  runningTurns: number;
  queuedTurns: number;
}

/** Owns the sessions of one data plane process, from its start to its end. */
export class SessionEngine {
  readonly service: SessionService;
  readonly idempotency: IdempotencyKeys<DataTables>;
  readonly live: LiveSessions;
  readonly turns: TurnQueue;
  readonly pins: ReleasePins;
  readonly #engine: Engine;
  #serving: 'not yet' | 'now' | 'no more' = 'not yet';
  #timers: NodeJS.Timeout[] = [];

  constructor(deps: Omit<Engine, 'times' | 'pins'>, times: Partial<EngineTimes> = {}) {
    this.pins = new ReleasePins(deps.database);
    this.#engine = { ...deps, pins: this.pins, times: { ...ENGINE_TIMES, ...times } };
    this.live = new LiveSessions(this.#engine);
    this.turns = new TurnQueue(this.#engine);
    this.idempotency = new IdempotencyKeys(deps.database, LIMITS.idempotencyMs);
    this.service = sessionService(this.#engine, this);
    deps.runner.onEnded((sessionId, cause, message) => {
      this.#harnessEnded(sessionId, cause, message).catch((error: unknown) => {
        this.#engine.log.error({ err: error, session: sessionId }, 'the end of a harness was lost');
      });
    });
  }

  /** Takes up what an earlier process left, then serves. The runner must have started. */
  async start(): Promise<void> {
    const { database, runner } = this.#engine;
    await this.idempotency.forgetPending();
    await recoverTurns(this.#engine, this.live, this.turns);
    await runner.sweepVolumes(async (volumeId) => {
      const known = await database
        .selectFrom('sessions')
        .select('id')
        .where('volume_id', '=', volumeId)
        .where('ended_at', 'is', null)
        .executeTakeFirst();
      return known !== undefined;
    });
    const linger = Math.min(SWEEP_MS, this.#engine.times.linger);
    this.#every(linger, () => this.live.sweep());
    this.#every(EXPIRY_SWEEP_MS, () => this.expire());
    this.#serving = 'now';
  }

  /** Throws `KartaError('shutting_down')` while starting and once the drain has begun. */
  requireServing(): void {
    if (this.#serving === 'now') return;
    throw shuttingDown(this.#serving === 'not yet' ? 'The server is starting.' : undefined);
  }

  stats(): EngineStats {
    const stats = { liveSessions: this.live.size, runningTurns: 0, queuedTurns: 0 };
    for (const session of this.live.all()) {
      if (session.current !== null) stats.runningTurns += 1;
      stats.queuedTurns += session.queue.length;
    }
    return stats;
  }

  /** Ends sessions that had no turn for their whole life, and forgets old locks and keys. */
  async expire(): Promise<void> {
    const { database, times } = this.#engine;
    const old = await database
      .selectFrom('sessions')
      .selectAll()
      .where('ended_at', 'is', null)
      .where('active_at', '<', new Date(Date.now() - times.sessionTtl))
      .orderBy('active_at')
      .limit(EXPIRY_BATCH)
      .execute();
    for (const row of old) {
      if (this.live.get(row.id)?.status != null) continue;
      await endSession(this.#engine, this.live, this.turns, row, 'expired');
    }
    await database
      .deleteFrom('routing_locks')
      .where('used_at', '<', new Date(Date.now() - EXPIRY_SWEEP_MS))
      .execute();
    await this.idempotency.sweep();
  }

  /** Ends the sessions of releases that were revoked, and of projects that are gone. */
  async endSessionsOf(gone: { releaseIds: string[]; projectIds: string[] }): Promise<void> {
    const { releaseIds, projectIds } = gone;
    if (releaseIds.length + projectIds.length === 0) return;
    for (;;) {
      const rows = await this.#engine.database
        .selectFrom('sessions')
        .selectAll()
        .where('ended_at', 'is', null)
        .where(({ eb, or, val }) =>
          or([
            eb('release_id', '=', eb.fn.any(val(releaseIds))),
            eb('project_id', '=', eb.fn.any(val(projectIds))),
          ]),
        )
        .limit(EXPIRY_BATCH)
        .execute();
      await Promise.all(
        rows.map((row) => endSession(this.#engine, this.live, this.turns, row, 'revoked')),
      );
      if (rows.length < EXPIRY_BATCH) return;
    }
  }

  /** Stops what runs of orgs that are stopped: see {@link stopOrgs}. */
  async stopOrgs(orgIds: ReadonlySet<string>): Promise<void> {
    await stopOrgs(this.#engine, this.live, orgIds);
  }

  /**
   * Goes down in good order: nothing new is accepted, running turns get `drainMs` and are then
   * interrupted visibly, turns that wait stay on disk for the next start, and readers end.
   */
  async drain(drainMs: number): Promise<void> {
    this.#serving = 'no more';
    this.turns.pause();
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
    const sessions = [...this.live.all()];
    // Whoever is accepting a message finishes that first; the next one finds the queue paused.
    await Promise.all(sessions.map((session) => session.mutex.run(async () => {})));
    const idle = Promise.all(sessions.map((session) => session.idle));
    const abort = new AbortController();
    const late = delay(drainMs, undefined, { signal: abort.signal }).then(
      () => {
        for (const session of this.live.all()) session.current?.stop('shutdown');
      },
      () => {
        // Every turn ended in time.
      },
    );
    await idle;
    abort.abort();
    await late;
    await this.live.close();
  }

  async #harnessEnded(
    sessionId: string,
    cause: 'hibernated' | 'exited' | 'violation',
    message: string,
  ): Promise<void> {
    const session = this.live.get(sessionId);
    if (session?.current != null) {
      if (cause !== 'violation') return;
      await session.events.publish(session.current.id, {
        type: 'error',
        data: {
          code: 'sandbox_limit',
          message: message || TURN_ERRORS.sandbox_limit,
          retryable: false,
        },
      });
      return;
    }
    await this.#engine.database
      .updateTable('sessions')
      .set({ status: 'hibernated' })
      .where('id', '=', sessionId)
      .where('status', '=', 'active')
      .execute();
  }

  #every(ms: number, work: () => Promise<void>): void {
    const timer = setInterval(() => {
      work().catch((error: unknown) => this.#engine.log.error({ err: error }, 'a sweep failed'));
    }, ms);
    timer.unref();
    this.#timers.push(timer);
  }
}
