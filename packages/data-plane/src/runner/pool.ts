import type { Release } from '../control/port.ts';
import type { Booted } from './booted.ts';
import type { RunnerLog } from './config.ts';
import { RUNNER_LIMITS } from './limits.ts';

export interface PoolParts {
  /** Slots per release. */
  size: number;
  /** Starts a slot with its harness warm, or answers `null` when there is no room for it now. */
  start(release: Release): StartingSlot | null;
  /** Ends a slot and destroys its volume. */
  discard(slot: Booted): Promise<void>;
  /** A slot, ready or not, is a session's from now on, and gives way to nobody. */
  taken(id: string): void;
  /** Whether a start would disturb nobody. */
  mayStart(): boolean;
  log: RunnerLog;
}

export interface StartingSlot {
  id: string;
  slot: Promise<Booted>;
  /** Ends it before it is ready; `slot` then rejects. */
  abandon(): void;
}

interface Starting extends StartingSlot {
  release: Release;
  /** A session waits for it. */
  taken: boolean;
  /** Its memory was needed. */
  dropped: boolean;
}

/**
 * Started sandboxes that wait for a session, some for each active release. One is started at a time,
 * for the org that has fewest, of several the one that has waited longest for a start; one that has
 * many gives way where memory ends. A release whose slots fail is left alone for longer and longer.
 */
export class Pool {
  readonly #parts: PoolParts;
  readonly #ready = new Map<string, Booted[]>();
  readonly #retry = new Map<string, { at: number; afterMs: number }>();
  #releases: readonly Release[] = [];
  #starting: Starting | null = null;
  #timer: NodeJS.Timeout | undefined;
  #starts = 0;
  /** Which of the starts was the last of each org. */
  readonly #lastStart = new Map<string, number>();
  #stopped = false;

  constructor(parts: PoolParts) {
    this.#parts = parts;
  }

  /** Sets the releases to keep warm; slots of others are dropped. */
  keepWarm(releases: readonly Release[]): void {
    this.#releases = releases;
    const wanted = new Set(releases.map((release) => release.id));
    for (const [id, slots] of this.#ready) {
      if (wanted.has(id)) continue;
      this.#ready.delete(id);
      for (const slot of slots) void this.#discard(slot);
    }
    this.fill();
  }

  /** A slot of the release: one that is ready, or one that is about to be. It is then the caller's. */
  take(release: Release, { soon }: { soon: boolean }): Booted | Promise<Booted> | null {
    const slot = this.#ready.get(release.id)?.shift();
    if (slot !== undefined) {
      this.#parts.taken(slot.id);
      this.#fillAfter(RUNNER_LIMITS.poolRefillDelayMs);
      return slot;
    }
    const starting = this.#starting;
    if (!soon || starting === null || starting.release.id !== release.id) return null;
    if (starting.taken || starting.dropped) return null;
    starting.taken = true;
    this.#parts.taken(starting.id);
    return starting.slot;
  }

  /** Slots that could be claimed at once. */
  get ready(): number {
    let ready = 0;
    for (const slots of this.#ready.values()) ready += slots.length;
    return ready;
  }

  /** Drops a slot to make room, ready or not. */
  drop(id: string): void {
    const slot = this.#remove(id);
    if (slot !== undefined) void this.#discard(slot);
    const starting = this.#starting;
    if (starting?.id !== id || starting.taken) return;
    starting.dropped = true;
    starting.abandon();
  }

  /** Drops the slots whose channel was with earlier doors. */
  dropOlder(doorsStart: string): void {
    for (const { id, doorsStart: of } of [...this.#ready.values()].flat()) {
      if (of !== doorsStart) this.drop(id);
    }
    this.fill();
  }

  /** Something may have changed: starts the next slot if one is missing and nobody is disturbed. */
  fill(): void {
    if (this.#stopped || this.#starting !== null || !this.#parts.mayStart()) return;
    clearTimeout(this.#timer);
    const slots = this.#slotsOfOrgs();
    const release = this.#nextToStart(slots);
    if (release === undefined) {
      this.#waitForRetry();
      return;
    }
    const slot = this.#parts.start(release);
    if (slot === null) {
      this.#giveWay(release.orgId, slots);
      return;
    }
    this.#starts += 1;
    this.#lastStart.set(release.orgId, this.#starts);
    const starting: Starting = { ...slot, release, taken: false, dropped: false };
    this.#starting = starting;
    starting.slot.then(
      (ready) => this.#started(starting, ready),
      (error: unknown) => this.#failed(starting, error),
    );
  }

  /** Ends the slots, ready or not, and starts no more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#starting?.abandon();
    const slots = [...this.#ready.values()].flat();
    this.#ready.clear();
    await Promise.all(slots.map((slot) => this.#parts.discard(slot)));
  }

  /** Resolves when no slot is being started. */
  async settled(): Promise<void> {
    await this.#starting?.slot.catch(() => undefined);
  }

  #nextToStart(slots: ReadonlyMap<string, number>): Release | undefined {
    const place = ({ orgId }: Release) =>
      [slots.get(orgId) ?? 0, this.#lastStart.get(orgId) ?? 0] as const;
    let next: Release | undefined;
    for (const release of this.#releases) {
      if (!this.#lacksSlot(release)) continue;
      const [few, last] = place(release);
      const [fewest, longest] = next === undefined ? [Infinity, 0] : place(next);
      if (few < fewest || (few === fewest && last < longest)) next = release;
    }
    return next;
  }

  /** Ready slots by org. */
  #slotsOfOrgs(): Map<string, number> {
    const count = new Map<string, number>();
    for (const { release } of [...this.#ready.values()].flat()) {
      count.set(release.orgId, (count.get(release.orgId) ?? 0) + 1);
    }
    return count;
  }

  /** There is no room: whoever has at least two slots more than `orgId` gives one up. */
  #giveWay(orgId: string, slots: ReadonlyMap<string, number>): void {
    const own = slots.get(orgId) ?? 0;
    const [richest, most] = [...slots].reduce((a, b) => (b[1] > a[1] ? b : a), ['', 0]);
    if (most < own + 2) return;
    const slot = [...this.#ready.values()]
      .flat()
      .findLast(({ release }) => release.orgId === richest);
    if (slot === undefined || this.#remove(slot.id) === undefined) return;
    void this.#discard(slot).then(() => this.fill());
  }

  #lacksSlot(release: Release): boolean {
    if ((this.#retry.get(release.id)?.at ?? 0) > performance.now()) return false;
    return (this.#ready.get(release.id)?.length ?? 0) < this.#parts.size;
  }

  #started(starting: Starting, slot: Booted): void {
    this.#starting = null;
    const { release, taken } = starting;
    this.#retry.delete(release.id);
    if (taken) {
      this.#fillAfter(RUNNER_LIMITS.poolRefillDelayMs);
      return;
    }
    if (
      this.#stopped ||
      starting.dropped ||
      !this.#releases.some((wanted) => wanted.id === release.id)
    ) {
      void this.#discard(slot);
      return;
    }
    this.#ready.set(release.id, [...(this.#ready.get(release.id) ?? []), slot]);
    void slot.machine.ended.then(({ cause, message }) => {
      if (this.#remove(slot.id) === undefined) return;
      void this.#discard(slot);
      if (cause !== 'disposed') this.#backOff(release, new Error(message));
    });
    this.fill();
  }

  #failed({ release, dropped }: Starting, error: unknown): void {
    this.#starting = null;
    if (!this.#stopped && !dropped) this.#backOff(release, error);
  }

  #backOff(release: Release, error: unknown): void {
    const before = this.#retry.get(release.id)?.afterMs ?? RUNNER_LIMITS.poolRetryMs / 2;
    const afterMs = Math.min(before * 2, RUNNER_LIMITS.poolRetryMaxMs);
    this.#retry.set(release.id, { at: performance.now() + afterMs, afterMs });
    const details = { err: error, release: release.id, retry_ms: afterMs };
    this.#parts.log.warn(details, 'a pool slot failed');
    this.fill();
  }

  #waitForRetry(): void {
    const now = performance.now();
    const waits = this.#releases
      .map((release) => (this.#retry.get(release.id)?.at ?? 0) - now)
      .filter((wait) => wait > 0);
    if (waits.length > 0) this.#fillAfter(Math.min(...waits));
  }

  #fillAfter(ms: number): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.fill(), ms + 1);
    this.#timer.unref();
  }

  #remove(id: string): Booted | undefined {
    for (const slots of this.#ready.values()) {
      const index = slots.findIndex((slot) => slot.id === id);
      if (index >= 0) return slots.splice(index, 1)[0];
    }
    return undefined;
  }

  #discard(slot: Booted): Promise<void> {
    return this.#parts.discard(slot).catch((error: unknown) => {
      this.#parts.log.warn({ err: error, sandbox: slot.id }, 'a pool slot could not be ended');
    });
  }
}
