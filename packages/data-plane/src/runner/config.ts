import type { Harness } from '@karta/harness';
import type { Release } from '../control/port.ts';
import type { Environment } from '../releases/env-values.ts';
import type { DoorsAccess } from './doors/doors-client.ts';

/** The part of a pino logger that the runner uses. */
export interface RunnerLog {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}

export interface RunnerConfig {
  home: string;
  /** Short folder for sockets. */
  runtimeDir: string;
  doors: DoorsAccess;
  /** `auto`: the strongest driver that works on this machine. */
  sandbox: 'auto' | 'namespace' | 'none';
  /** Started sandboxes kept ready per active release. */
  poolSize: number;
  /** Whether releases other than the bundled examples may run where nothing isolates them. */
  allowUnsandboxed: boolean;
  log: RunnerLog;
  /** Where exposed secrets are looked up; default: none. */
  environment?: Environment;
  /** The same where a control plane keeps them. */
  secretsOf?: (release: Release, names: readonly string[]) => Promise<Record<string, string>>;
  /** Brings a release to this machine before it is used; default: it is there or it is an error. */
  haveRelease?: (release: Release) => Promise<void>;
  /**
   * Threads that hold sandboxes and adapters, so that no stream of theirs stalls this one; 0: none,
   * they live here. Default: one a core, at most `RUNNER_LIMITS.workers`.
   */
  workers?: number;
  /** Adapters, when they live here; threads make their own. Default: all of the platform. */
  harnesses?: readonly Harness[];
  /** Called when such a thread has died, with all its sessions; default: only logged. */
  onWorkerLost?: (error: Error) => void;
  /** Default: a share of the machine's memory, see `RUNNER_LIMITS.memoryShare`. */
  memoryBudgetBytes?: number;
  /** Default `LIMITS.idleMs`. */
  idleMs?: number;
  /** Default `LIMITS.capacityWaitMs`. */
  capacityWaitMs?: number;
}
