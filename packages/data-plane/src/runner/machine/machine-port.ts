import type { Readable } from 'node:stream';
import type {
  AgentInfo,
  AskAnswer,
  Capabilities,
  HarnessEvents,
  StoredMessage,
  TurnInput,
} from '@karta/harness';
import type { Isolation, KeyProvider, WireFamily } from '@karta/protocol';
import type { FileList, SandboxHost } from '@karta/sandbox';
import type { Release } from '../../control/port.ts';

/**
 * Where sandboxes and harness adapters live: the part of the runner that touches hostile bytes. It
 * holds no key of the platform and no database handle; all it is told passes a worker boundary, so
 * every argument and answer is plain data or a stream.
 */
export interface MachineHost {
  /** Chooses and probes the driver and reaps orphans. Throws `KartaError('harness_failed')`. */
  start(): Promise<HostSupport>;
  /** What the release's application offers and needs. Throws `KartaError('harness_missing')`. */
  describe(release: Release): Promise<ReleaseFacts>;
  /** Boots a sandbox over a volume, without its harness. Throws `KartaError`. */
  boot(order: BootOrder): Promise<Machine>;
  /** The release's own files, as a session sees them before its first change. */
  releaseFiles(release: Release, prefix: string): Promise<FileList>;
  releaseFile(release: Release, path: string): Promise<{ size: number; body: Readable }>;
  volumes(): Promise<string[]>;
  destroyVolume(volumeId: string): Promise<void>;
  /** Disposes every machine, also those being opened, and boots no more. */
  stop(): Promise<void>;
  /** Ends the host itself; call it last. */
  close(): Promise<void>;
}

export interface HostSupport {
  isolation: Isolation;
  /** One line each, for the log. */
  notes: string[];
}

export interface ReleaseFacts {
  agents: readonly AgentInfo[];
  skills: readonly string[];
  capabilities: Capabilities;
  /** Memory that one session's sandbox is given. */
  memoryBytes: number;
  /** Names of the secrets that may enter the sandbox. */
  secrets: readonly string[];
}

export interface BootOrder {
  sandboxId: string;
  volumeId: string;
  release: Release;
  /** The sandbox's way to the model. */
  channel: { socketPath: string; credential: string };
  /** Its ways to the hosts that the release allows. */
  hosts: readonly SandboxHost[];
  /** Families that some upstream serves, preferred first. */
  families: readonly WireFamily[];
  /** Where no upstream has Responses: whose Chat Completions serve OpenAI's wires. */
  chatProvider?: KeyProvider | null;
  /** Variables for the harness's processes. */
  env: Readonly<Record<string, string>>;
}

export interface OpenOrder {
  resumeId: string | null;
  /** Make ready for a session that is not there yet. */
  warm: boolean;
}

/** How a machine ended. */
export interface MachineEnd {
  cause: 'exited' | 'violation' | 'disposed';
  message: string;
}

/** One sandbox, with its harness once it is opened. */
export interface Machine {
  readonly isolation: Isolation;
  /** Starts the harness. Throws `KartaError`; the machine is then of no more use. */
  open(order: OpenOrder): Promise<void>;
  /** The harness's id of its conversation; `null` before it is known. */
  readonly resumeId: string | null;
  /** One message to its `end`, which comes last, exactly once, whatever happens. Throws nothing. */
  turn(input: TurnInput, signal: AbortSignal): HarnessEvents;
  /** Whether events carry the harness's own from now on. They do not before this was called. */
  showRaw(wanted: boolean): void;
  /** Throws `HarnessError`, `unknown_ask` when nothing waits for the answer. */
  answer(requestId: string, answer: AskAnswer): Promise<void>;
  history(resumeId: string): AsyncIterable<StoredMessage>;
  listFiles(prefix: string): Promise<FileList>;
  /** File calls reject with `ReaderError`. */
  readFile(path: string): Promise<{ size: number; body: Readable }>;
  writeFile(path: string, body: Readable, maxBytes: number): Promise<{ size: number }>;
  removeFile(path: string): Promise<void>;
  /** Resolves when the harness or its sandbox has ended, by itself or by `dispose`. */
  readonly ended: Promise<MachineEnd>;
  /** Closes the harness politely and ends the sandbox. Idempotent. */
  dispose(): Promise<void>;
}
