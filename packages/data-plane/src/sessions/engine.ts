import type { StopReason } from '@karta/protocol';
import type { Logger } from 'pino';
import type { SpendGate } from '../budget/gate.ts';
import type { ControlPlane } from '../control/port.ts';
import type { GrantOf } from '../outbox/lifecycle.ts';
import type { RateLimiter } from '../rates/rate-limiter.ts';
import type { Runner } from '../runner/port.ts';
import type { Database } from '../sql/index.ts';
import type { EngineTimes } from './limits.ts';
import type { ReleasePins } from './release-pins.ts';

/** What every part of the session engine works with. */
export interface Engine {
  readonly database: Database;
  readonly runner: Runner;
  readonly control: ControlPlane;
  readonly times: EngineTimes;
  /** Which releases its sessions need. */
  readonly pins: ReleasePins;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** Set where a control plane hears of what happens to sessions, under these grants. */
  readonly grantOf?: GrantOf;
  /** Refuses turns for want of budget; without it none is. */
  readonly gate?: Pick<SpendGate, 'require'>;
  /** Refuses what comes faster than it may; without it nothing is. */
  readonly rates?: Omit<RateLimiter, 'spent'>;
  /** Counts turns by how they ended. */
  readonly turnEnded?: (stopReason: StopReason) => void;
}
