import type { Duplex, Readable, Writable } from 'node:stream';
import type { Isolation } from '@karta/protocol';

/**
 * The sandbox port: one session's machine. Only its driver knows about mounts, sockets, devices or
 * users; a driver that shares no file system and no socket with the host (a VM) must fit too.
 *
 * Inside, every session sees the same places, whatever the driver:
 * `/workspace` (the release's files, writable except its configuration), `/home/agent` (the
 * harness's own store), `/tmp` (private), `/opt/karta/…` (tools, read-only). Where a driver cannot
 * move files to those places (`none`), `Sandbox.place` says where they really are.
 */
export interface SandboxDriver {
  readonly id: 'namespace' | 'none' | (string & {});
  readonly isolation: Isolation;
  /** Whether this machine has what the driver needs, found out by using it, and what is missing. */
  probe(): Promise<Support>;
  /** Boots a sandbox over `spec.volume`, which is created when absent. Throws `SandboxError`. */
  create(spec: SandboxSpec): Promise<Sandbox>;
  /** Destroys a volume and all in it. Absent is fine. Refuses one that a live sandbox uses. */
  destroyVolume(volumeId: string): Promise<void>;
  /** Ids of the volumes that exist. */
  volumes(): Promise<string[]>;
  /** Ends what an earlier process of this platform home left behind: processes, mounts, cgroups. */
  reap(): Promise<void>;
}

export interface Support {
  usable: boolean;
  /** What holds and how: shown by `karta doctor`, one line each. */
  notes: string[];
  /** What is missing or weaker, and what to do about it. */
  problems: string[];
}

export interface SandboxSpec {
  /** `sbx_…`; unique among live sandboxes. */
  id: string;
  /**
   * Whose it is. Where the processor is short, orgs have equal parts of it, and an org's sandboxes
   * share what is the org's.
   */
  org: string;
  /** The writable state that outlives the sandbox: workspace changes and `/home/agent`. */
  volumeId: string;
  /** Host folder of the materialised release: never written, seen at `/workspace`. */
  release: string;
  /**
   * Paths below `/workspace` that stay as the release has them: a change or creation from inside
   * fails or is undone before the next harness start.
   */
  protectedPaths: readonly ProtectedPath[];
  /** Host files and folders bound read-only, such as the harness binary. */
  tools: readonly { source: string; target: string }[];
  /** Read-only files with given content, such as `/etc/claude-code/managed-settings.json`. */
  files: readonly { target: string; content: string }[];
  /**
   * Services of the host, reached inside at `127.0.0.1:<loopback(name)>`: each connection made
   * inside becomes one connection to `socket`, a host unix socket, with no byte changed.
   */
  offers: readonly { name: string; socket: string }[];
  /**
   * Hosts of the network by their own name. Each name gets a loopback address inside, and each
   * connection to `port` there becomes one connection to `socket`, a host unix socket, with no byte
   * changed. Nothing else resolves. A driver that shares the host's network makes none of it and
   * says so among its weaknesses. Default: none.
   */
  hosts?: readonly SandboxHost[];
  /** Names of ports on which something inside will listen; reached from outside by `dial`. */
  listens: readonly string[];
  limits: SandboxLimits;
}

/** A host of the network as it is reached from inside. */
export interface SandboxHost {
  /** A host name in lower case; never an address, `localhost` or the sandbox's own name. */
  name: string;
  port: number;
  socket: string;
}

/** What a protected path is when the release lacks it. */
export interface ProtectedPath {
  path: string;
  /** `directory`: an empty read-only folder. `remove`: deleted before each harness start. */
  whenAbsent: 'directory' | 'remove';
}

export interface SandboxLimits {
  memoryBytes: number;
  /** Processes and threads. */
  pids: number;
  /** Cores, may be fractional. */
  cpus: number;
  /** Size of the volume. */
  diskBytes: number;
}

export interface Sandbox {
  readonly id: string;
  readonly volumeId: string;
  readonly isolation: Isolation;
  /** Weaker promises of this sandbox than its rung normally gives, for people; empty is best. */
  readonly weaknesses: readonly string[];
  /** Paths below `/workspace` that stay as the release has them. */
  readonly protectedPaths: readonly string[];
  /** The loopback port inside that belongs to an offered service or a listen name. */
  loopback(name: string): number;
  /** Where an inside path (`/workspace/x`, `/home/agent`, a tool's target) really is for processes inside. */
  place(inside: string): string;
  /** Starts a process. Its environment is exactly `command.env`. */
  spawn(command: SandboxCommand): SandboxProcess;
  /**
   * Connects to a port that a process spawned with that name in `listens` serves. Rejects with
   * `SandboxError('refused')` when nothing listens.
   */
  dial(name: string): Promise<Duplex>;
  stats(): Promise<SandboxStats>;
  /** Called once when a limit ends the sandbox's processes. */
  onViolation(listener: (violation: Violation) => void): void;
  /** Ends every process, however stubborn, and frees all but the volume. Idempotent. */
  dispose(): Promise<void>;
}

export interface SandboxCommand {
  argv: readonly [string, ...string[]];
  env: Readonly<Record<string, string>>;
  /** Default `/workspace`. */
  cwd?: string;
  /** Names (of `spec.listens`) of the ports this process will serve. */
  listens?: readonly string[];
  /** Names of the offers this process needs; default all. A driver may give it more. */
  offers?: readonly string[];
  /** Whether this process needs the hosts of the spec; default true. A driver may give them anyway. */
  hosts?: boolean;
}

/** A process inside, with back-pressure on all three streams. */
export interface SandboxProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Resolves when the process has ended and its streams are closed. Never rejects. */
  readonly exited: Promise<{ code: number | null; signal: string | null }>;
  kill(signal?: 'SIGTERM' | 'SIGINT' | 'SIGKILL'): void;
}

export interface SandboxStats {
  memoryBytes: number;
  pids: number;
  diskBytes: number;
  cpuMicros: number;
}

export interface Violation {
  limit: 'memory' | 'disk' | 'pids';
  message: string;
}

export type SandboxErrorCode =
  | 'unsupported'
  | 'busy'
  | 'refused'
  | 'disposed'
  | 'disk_full'
  | 'boot_failed'
  | 'invalid_spec';

/** A failure of the sandbox itself, as opposed to one of the process inside it. */
export class SandboxError extends Error {
  readonly code: SandboxErrorCode;
  constructor(code: SandboxErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'SandboxError';
    this.code = code;
  }
}
