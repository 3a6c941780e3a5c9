import type { Isolation, PermissionMode, SessionStatus } from '@karta/protocol';
import type { Release } from '../control/port.ts';
import type { LiveHarness, RunnerSession } from '../runner/port.ts';
import type { SessionRow } from '../sql/index.ts';
import type { Engine } from './engine.ts';
import { Mutex } from './mutex.ts';
import { Sequence } from './sequence.ts';
import { SessionEvents } from './session-events.ts';
import type { SessionOwner } from './session-store.ts';
import type { TurnRun } from './turn-run.ts';

type Notice = (kind: 'warming' | 'queued' | 'resumed') => void;

/** What must be read before a session can be live, beside its row. */
export interface LiveStart {
  lastPosition: number;
  /** Turns that were accepted and not begun, in order. */
  queue: string[];
  grants: Set<string>;
}

/**
 * A session that is being used or read: its place in the turn queue, its events, its grants. It is
 * made when somebody needs it and put away when nobody does; what must last is in the database.
 */
export class LiveSession {
  readonly id: string;
  readonly orgId: string;
  readonly releaseId: string;
  /** What tells who may know of it. */
  readonly owner: SessionOwner;
  readonly events: SessionEvents;
  readonly sequence: Sequence;
  readonly mutex = new Mutex();
  readonly grants: Set<string>;
  /** Accepted turns that wait, in order. */
  readonly queue: string[];
  permissionMode: PermissionMode | null;
  /** The agent that answers a message which names none. */
  agent: string;
  current: TurnRun | null = null;
  lastPosition: number;
  /** Ended by its owner or its age: nothing new is accepted. */
  ended = false;
  usedAt = Date.now();
  /** Resolves when no turn runs. */
  idle: Promise<void> = Promise.resolve();
  readonly #engine: Engine;
  readonly #projectId: string;
  #volumeId: string | null;
  #resumeId: string | null;
  #isolation: Isolation | null;
  #attaching: Promise<unknown> = Promise.resolve();

  constructor(engine: Engine, row: SessionRow, start: LiveStart) {
    this.id = row.id;
    this.orgId = row.org_id;
    this.releaseId = row.release_id;
    const { id, org_id, project_id, created_by, sub, mode } = row;
    this.owner = { id, org_id, project_id, created_by, sub, mode };
    this.permissionMode = row.permission_mode;
    this.agent = row.current_agent;
    this.sequence = new Sequence(engine.database, row.id, Number(row.seq_reserved));
    this.events = new SessionEvents(row.id, this.sequence);
    this.grants = start.grants;
    this.queue = start.queue;
    this.lastPosition = start.lastPosition;
    this.#engine = engine;
    this.#projectId = row.project_id;
    this.#volumeId = row.volume_id;
    this.#resumeId = row.resume_id;
    this.#isolation = row.isolation;
  }

  /** The status that its turns give it; `null` when none runs or waits. */
  get status(): SessionStatus | null {
    if (this.current === null) return this.queue.length > 0 ? 'running' : null;
    return this.current.inputs?.waiting ? 'awaiting_input' : 'running';
  }

  /** The status between turns: whether its harness still runs. */
  get restingStatus(): SessionStatus {
    const gone = this.#volumeId !== null && !this.#engine.runner.isLive(this.id);
    return gone ? 'hibernated' : 'active';
  }

  /** Whether a turn runs or waits. */
  get busy(): boolean {
    return this.current !== null || this.queue.length > 0;
  }

  get unused(): boolean {
    return !this.busy && this.events.readers === 0;
  }

  runnerSession(release: Release): RunnerSession {
    return {
      sessionId: this.id,
      orgId: this.orgId,
      projectId: this.#projectId,
      mode: this.owner.mode,
      release,
      volumeId: this.#volumeId,
      resumeId: this.#resumeId,
    };
  }

  /**
   * The session's harness, one attach at a time: a turn that was stopped while it waited leaves its
   * attach behind, and the next turn lets that finish first.
   */
  attach(release: Release, notice: Notice): Promise<LiveHarness> {
    const attached = this.#attaching.then(async () => {
      const harness = await this.#engine.runner.attach(this.runnerSession(release), notice);
      await this.keepPlace(harness.volumeId, harness.isolation, harness.resumeId);
      return harness;
    });
    this.#attaching = attached.catch(() => {
      // Who asked for it is told; the next attach tries for itself.
    });
    return attached;
  }

  /** Resolves when no attach is under way. */
  async attachSettled(): Promise<void> {
    await this.#attaching;
  }

  /** Stores where the session's state is, before anything is done there that must not be lost. */
  async keepPlace(
    volumeId: string,
    isolation: Isolation | null,
    resumeId: string | null,
  ): Promise<void> {
    const place = {
      volume_id: volumeId,
      isolation: isolation ?? this.#isolation,
      resume_id: resumeId ?? this.#resumeId,
    };
    const same =
      place.volume_id === this.#volumeId &&
      place.isolation === this.#isolation &&
      place.resume_id === this.#resumeId;
    if (same) return;
    await this.#engine.database
      .updateTable('sessions')
      .set(place)
      .where('id', '=', this.id)
      .execute();
    this.#volumeId = place.volume_id;
    this.#isolation = place.isolation;
    this.#resumeId = place.resume_id;
  }

  /** The harness's id of the conversation, as the end of a turn has it stored. */
  noteResumeId(resumeId: string | null): void {
    if (resumeId !== null) this.#resumeId = resumeId;
  }
}
