import type { Readable } from 'node:stream';
import type {
  AgentInfo,
  AskAnswer,
  Capabilities,
  HarnessEvent,
  StoredMessage,
  TurnInput,
} from '@karta/harness';
import type {
  EgressLogAnswer,
  Isolation,
  KeyMode,
  TurnPayer,
  TurnUsageAnswer,
} from '@karta/protocol';
import type { FileList } from '@karta/sandbox';
import type { Release } from '../control/port.ts';

/**
 * The runner: where sessions' sandboxes and harnesses live. It holds no database handle and no
 * key; the session engine tells it all it must know, and keeps all that must last.
 */
export interface Runner {
  /** Gets ready: reaps orphans, probes the driver, starts filling the pool for these releases. */
  start(releases: readonly Release[]): Promise<void>;
  /** What holds sessions on this machine; `null` before `start`. */
  readonly isolation: Isolation | null;
  /**
   * What the release's application offers, found at publish. Throws `KartaError`
   * (`harness_missing`) when the release is not on this machine.
   */
  describe(release: Release): Promise<ReleaseDescription>;
  /** Called when an activation changes what the pool should hold. */
  keepWarm(releases: readonly Release[]): void;
  /**
   * The session's live harness: the one that runs, else a pool slot, else a fresh boot over the
   * session's volume. Waits for capacity up to its limit. Throws `KartaError` (`capacity`,
   * `harness_missing`, `harness_failed`, `storage_full`).
   */
  attach(
    session: RunnerSession,
    notice: (kind: 'warming' | 'queued' | 'resumed') => void,
  ): Promise<LiveHarness>;
  /** Reads the session's history without waking its harness. */
  history(session: RunnerSession): AsyncIterable<StoredMessage>;
  /**
   * Before the session's first write or turn these are the release's own files. File calls reject
   * with `ReaderError`, or as `attach` does when the sandbox cannot be started.
   */
  listFiles(session: RunnerSession, prefix: string): Promise<FileList>;
  readFile(session: RunnerSession, path: string): Promise<{ size: number; body: Readable }>;
  /** `volumeId`: where the file is now; to be kept like that of `LiveHarness`. */
  writeFile(
    session: RunnerSession,
    path: string,
    body: Readable,
    maxBytes: number,
  ): Promise<{ size: number; volumeId: string }>;
  removeFile(session: RunnerSession, path: string): Promise<{ volumeId: string }>;
  /** Ends the session's processes; its volume stays. */
  hibernate(sessionId: string): Promise<void>;
  /** Ends the session's processes and destroys its volume. */
  destroy(session: RunnerSession): Promise<void>;
  /** Destroys volumes whose session nobody knows. */
  sweepVolumes(known: (volumeId: string) => Promise<boolean>): Promise<void>;
  isLive(sessionId: string): boolean;
  /** Connections of the session's sandbox to allowed hosts; none when it has no sandbox. */
  connections(sessionId: string): Promise<EgressLogAnswer>;
  /** Sandboxes that hold a session, and started ones that wait for one. */
  counts(): { live: number; parked: number };
  /**
   * Other doors answer than before: machines whose channel was with those before are ended. The next
   * message of such a session starts a fresh one.
   */
  doorsRestarted(start: string): void;
  /** Called when a session's harness has ended, by hibernation, by a crash or by a limit. */
  onEnded(
    listener: (
      sessionId: string,
      cause: 'hibernated' | 'exited' | 'violation',
      message: string,
    ) => void,
  ): void;
  stop(): Promise<void>;
}

/** What an application offers, for checks before a turn is accepted. */
export interface ReleaseDescription {
  /** Always at least one, `default`. */
  agents: readonly AgentInfo[];
  skills: readonly string[];
  /** What the release's harness can do. */
  capabilities: Capabilities;
}

/** What the runner must know of a session; the engine keeps it in the database. */
export interface RunnerSession {
  sessionId: string;
  orgId: string;
  projectId: string;
  /** A test session runs on the demo model. */
  mode: KeyMode;
  release: Release;
  /** `null` before the first attach. */
  volumeId: string | null;
  /** The harness's own id of the conversation, `null` before it is known. */
  resumeId: string | null;
}

export interface LiveHarness {
  readonly isolation: Isolation;
  readonly volumeId: string;
  readonly resumeId: string | null;
  /** Opens the turn at the doors, runs it, closes it there. `end` comes last, exactly once. */
  turn(turn: BookedTurn, input: TurnInput, signal: AbortSignal): RunnerEvents;
  /** Whether events carry the harness's own from now on. They do not before this was called. */
  showRaw(wanted: boolean): void;
  answer(requestId: string, answer: AskAnswer): Promise<void>;
}

/** A turn as the doors book its model calls. */
export interface BookedTurn {
  id: string;
  /** By which the doors ask for the org's budgets and keys; `null` where none was met. */
  orgGrant: string | null;
  payer: TurnPayer;
}

/** Batches of events, as the harness port has them. */
export type RunnerEvents = AsyncIterable<readonly RunnerEvent[]>;

export type RunnerEvent =
  | Exclude<HarnessEvent, { type: 'end' }>
  | (Extract<HarnessEvent, { type: 'end' }> & {
      usage: TurnUsageAnswer;
      /** The harness's id of the conversation after the turn. */
      resumeId: string | null;
    });
