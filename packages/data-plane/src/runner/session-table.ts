import { newId } from '@karta/protocol';
import type { Admission } from './admission.ts';
import { type Booted, type BootParts, boot, closeChannel, newVolumeId } from './booted.ts';
import { LiveSession } from './live-session.ts';
import { startFault } from './machine/faults.ts';
import type { Pool } from './pool.ts';
import type { RunnerSession } from './port.ts';
import type { Slots } from './slots.ts';

export type Notice = (kind: 'warming' | 'queued' | 'resumed') => void;
export type EndCause = 'hibernated' | 'exited' | 'violation';

export interface SessionTableParts extends BootParts {
  admission: Admission;
  pool: Pool;
  slots: Slots;
  idleMs: number;
  ended(sessionId: string, cause: EndCause, message: string): void;
}

/**
 * The sessions whose machine is up, being booted or going away: at most one machine a session, and
 * never two on one volume.
 */
export class SessionTable {
  readonly #parts: SessionTableParts;
  readonly #booting = new Map<string, Promise<LiveSession>>();
  readonly #live = new Map<string, LiveSession>();
  readonly #ending = new Map<string, Promise<void>>();
  /** Channels whose machine is gone. */
  readonly #closing = new Set<Promise<void>>();
  /** Volumes of sessions that may not be known outside yet, by session. */
  readonly #volumes = new Map<string, string>();

  constructor(parts: SessionTableParts) {
    this.#parts = parts;
  }

  /** Machines being booted for somebody who waits. */
  get booting(): number {
    return this.#booting.size;
  }

  /** Sessions that have a machine. */
  get size(): number {
    return this.#live.size;
  }

  live(sessionId: string): LiveSession | null {
    return this.#live.get(sessionId) ?? null;
  }

  sessionOf(booted: string): LiveSession | null {
    for (const live of this.#live.values()) if (live.booted.id === booted) return live;
    return null;
  }

  /** The session's volume, also when the caller has not heard of it yet. */
  volumeOf(session: RunnerSession): string | null {
    if (session.volumeId === null) return this.#volumes.get(session.sessionId) ?? null;
    this.#volumes.delete(session.sessionId);
    return session.volumeId;
  }

  /** Whether a session of this process has the volume, known outside or not. */
  hasVolume(volumeId: string): boolean {
    for (const { booted } of this.#live.values()) if (booted.volumeId === volumeId) return true;
    return [...this.#volumes.values()].includes(volumeId);
  }

  forget(sessionId: string): void {
    this.#volumes.delete(sessionId);
  }

  /**
   * The session's machine: the one that is up, else a pool slot for a new session (`soon`: also one
   * that is not quite ready), else a sandbox booted over its volume. Calls that meet share one boot.
   */
  async machine(session: RunnerSession, notice: Notice, soon: boolean): Promise<LiveSession> {
    const { sessionId } = session;
    await this.#ending.get(sessionId);
    const live = this.#live.get(sessionId);
    if (live !== undefined) return live;
    const booting = this.#booting.get(sessionId);
    if (booting !== undefined) {
      notice('warming');
      return booting;
    }
    const fresh = this.#bring(session, notice, soon).finally(() => {
      this.#booting.delete(sessionId);
      this.#parts.pool.fill();
    });
    this.#booting.set(sessionId, fresh);
    return fresh;
  }

  /** Ends a session's machine, if it is up. Resolves when its volume is free. */
  async end(sessionId: string, cause: EndCause | 'destroyed', message: string): Promise<void> {
    const booting = this.#booting.get(sessionId);
    if (booting !== undefined) await booting.catch(() => undefined);
    const live = this.#live.get(sessionId);
    if (live === undefined) return this.#ending.get(sessionId);
    this.#live.delete(sessionId);
    live.finish();
    const ending = this.#shutDown(live).finally(() => this.#ending.delete(sessionId));
    this.#ending.set(sessionId, ending);
    if (live.open && cause !== 'destroyed') this.#parts.ended(sessionId, cause, message);
    return ending;
  }

  /** Ends the machines whose channel was with earlier doors. */
  endOlder(doorsStart: string): void {
    for (const live of this.#live.values()) {
      if (live.booted.doorsStart === doorsStart) continue;
      void this.#endInBackground(live, 'exited', 'its channel is gone');
    }
  }

  async endAll(): Promise<void> {
    await Promise.allSettled([...this.#booting.values()]);
    const sessions = [...this.#live.keys()];
    await Promise.all(sessions.map((id) => this.end(id, 'hibernated', 'the server stops')));
    await Promise.all(this.#ending.values());
    await Promise.all(this.#closing);
  }

  async #bring(session: RunnerSession, notice: Notice, soon: boolean): Promise<LiveSession> {
    const { sessionId, release } = session;
    const known = this.volumeOf(session);
    if (known === null && session.resumeId === null) {
      const slot = await this.#claim(session, notice, soon);
      if (slot !== null) return slot;
    }
    const { admission, slots } = this.#parts;
    const id = newId('sandbox');
    const volumeId = known ?? newVolumeId();
    const bytes = await slots.memoryOf(release);
    await admission.acquire({ id, org: session.orgId, bytes }, () => notice('queued'));
    notice(session.resumeId === null ? 'warming' : 'resumed');
    this.#volumes.set(sessionId, volumeId);
    try {
      const booted = await boot(this.#parts, { id, volumeId, release, session });
      return this.#adopt(sessionId, booted, false);
    } catch (error) {
      admission.release(id);
      if (known === null) this.#volumes.delete(sessionId);
      throw startFault(error);
    }
  }

  /** A pool slot for a new session, or `null`. */
  async #claim(session: RunnerSession, notice: Notice, soon: boolean): Promise<LiveSession | null> {
    const { pool, slots, doors, log } = this.#parts;
    const taken = pool.take(session.release, { soon });
    if (taken === null) return null;
    if (taken instanceof Promise) notice('warming');
    const slot = await Promise.resolve(taken).catch(() => null);
    if (slot === null) return null;
    try {
      await doors.claimChannel(slot.id, session.sessionId, session.mode === 'test');
      const live = this.#adopt(session.sessionId, slot, true);
      slots.claimed(slot);
      return live;
    } catch (error) {
      log.warn({ err: error, sandbox: slot.id }, 'a pool slot could not be claimed');
      await slots.discard(slot);
      return null;
    }
  }

  #adopt(sessionId: string, booted: Booted, open: boolean): LiveSession {
    const { admission, idleMs } = this.#parts;
    const live = new LiveSession(sessionId, booted, idleMs, {
      busy: () => admission.busy(booted.id),
      idle: (afterMs) => admission.idle(booted.id, afterMs),
      expired: () => void this.#endInBackground(live, 'hibernated', 'it was idle'),
    });
    live.open = open;
    if (open) live.opening = Promise.resolve();
    this.#live.set(sessionId, live);
    this.#volumes.set(sessionId, booted.volumeId);
    void booted.machine.ended.then(({ cause, message }) => {
      if (cause !== 'disposed') void this.#endInBackground(live, cause, message);
    });
    live.touch();
    return live;
  }

  async #endInBackground(live: LiveSession, cause: EndCause, message: string): Promise<void> {
    if (this.#live.get(live.sessionId) !== live) return;
    try {
      await this.end(live.sessionId, cause, message);
    } catch (error) {
      this.#parts.log.error(
        { err: error, session: live.sessionId },
        'a sandbox could not be ended',
      );
    }
  }

  async #shutDown({ booted, turns }: LiveSession): Promise<void> {
    try {
      await booted.machine.dispose();
    } finally {
      this.#parts.admission.release(booted.id);
      this.#parts.pool.fill();
    }
    // The last turn still asks what it cost; its channel goes after that.
    const closing = Promise.allSettled(turns)
      .then(() => closeChannel(this.#parts, booted.id))
      .finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}
