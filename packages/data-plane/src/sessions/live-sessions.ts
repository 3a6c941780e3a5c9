import type { SessionRow } from '../sql/index.ts';
import type { Engine } from './engine.ts';
import { loadGrants } from './grants.ts';
import { LiveSession } from './live-session.ts';
import { shuttingDown } from './shutting-down.ts';
import { lastPosition, unfinishedTurns } from './turn-store.ts';

/** The sessions in memory: only those that run, are read, or were used a moment ago. */
export class LiveSessions {
  readonly #engine: Engine;
  readonly #live = new Map<string, LiveSession>();
  readonly #loading = new Map<string, Promise<LiveSession>>();
  readonly #leaving = new Map<string, Promise<void>>();
  #closed = false;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  get(sessionId: string): LiveSession | undefined {
    return this.#live.get(sessionId);
  }

  all(): IterableIterator<LiveSession> {
    return this.#live.values();
  }

  get size(): number {
    return this.#live.size;
  }

  /**
   * The live session of `row`, loaded when it is not there. Throws `KartaError('shutting_down')`
   * once `close` was called.
   */
  async open(row: SessionRow): Promise<LiveSession> {
    for (;;) {
      const live = this.#live.get(row.id);
      if (live !== undefined) {
        live.usedAt = Date.now();
        return live;
      }
      if (this.#closed) throw shuttingDown();
      const leaving = this.#leaving.get(row.id);
      if (leaving === undefined) break;
      await leaving;
    }
    let loading = this.#loading.get(row.id);
    if (loading === undefined) {
      loading = this.#load(row).finally(() => this.#loading.delete(row.id));
      this.#loading.set(row.id, loading);
    }
    return loading;
  }

  /** Takes up what was changed on disk of a session that is in memory, or on its way there. */
  async refresh(sessionId: string): Promise<void> {
    const live = this.#live.get(sessionId) ?? (await this.#loading.get(sessionId));
    // One at a time, each reading after its own change: the last one has seen them all.
    await live?.mutex.run(async () => {
      const row = await this.#engine.database
        .selectFrom('sessions')
        .select(['current_agent', 'permission_mode'])
        .where('id', '=', sessionId)
        .executeTakeFirstOrThrow();
      live.agent = row.current_agent;
      live.permissionMode = row.permission_mode;
    });
  }

  /** Puts away every session and opens none any more: their readers end. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#loading.values());
    await Promise.all([...this.#live.values()].map((live) => this.putAway(live)));
  }

  /** Puts away the sessions that nobody has used or read for a while. */
  async sweep(): Promise<void> {
    const before = Date.now() - this.#engine.times.linger;
    for (const live of [...this.#live.values()]) {
      if (live.unused && live.usedAt <= before) await this.putAway(live);
    }
  }

  /** Takes a session out of memory, giving back the sequence numbers it did not use. */
  async putAway(live: LiveSession): Promise<void> {
    if (this.#live.get(live.id) !== live) return;
    this.#live.delete(live.id);
    live.events.close();
    const leaving = live.sequence
      .release()
      .catch((error: unknown) => {
        // The numbers are skipped then, which costs a reader its place in the replay and no more.
        this.#engine.log.warn(
          { err: error, session: live.id },
          'sequence numbers were not given back',
        );
      })
      .finally(() => this.#leaving.delete(live.id));
    this.#leaving.set(live.id, leaving);
    await leaving;
  }

  async #load(row: SessionRow): Promise<LiveSession> {
    const { database } = this.#engine;
    const [fresh, unfinished, position, grants] = await Promise.all([
      // The row at hand may be older than the last numbers given back.
      database
        .selectFrom('sessions')
        .selectAll()
        .where('id', '=', row.id)
        .executeTakeFirstOrThrow(),
      unfinishedTurns(database, row.id),
      lastPosition(database, row.id),
      loadGrants(database, row.id),
    ]);
    const queue = unfinished.filter((turn) => turn.state === 'queued').map((turn) => turn.id);
    const live = new LiveSession(this.#engine, fresh, { lastPosition: position, queue, grants });
    live.ended = fresh.ended_at !== null;
    this.#live.set(row.id, live);
    return live;
  }
}
