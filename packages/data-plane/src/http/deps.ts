import type { HttpBindings } from '@hono/node-server';
import type { Harness } from '@karta/harness';
import type { IdempotencyStore, TrustedProxies } from '@karta/http';
import type { Logger } from 'pino';
import type { StreamTickets } from '../auth/stream-tickets.ts';
import type { ControlPlane, Principal, Project } from '../control/port.ts';
import type { RateLimiter } from '../rates/rate-limiter.ts';
import type { SessionService } from '../sessions/port.ts';
import type { HttpMetrics } from './metrics.ts';
import type { OpenStreams } from './open-streams.ts';
import type { ProjectHosts } from './project-host.ts';

/** What the public HTTP surface is made of. */
export interface HttpDeps {
  control: ControlPlane;
  sessions: SessionService;
  idempotency: IdempotencyStore;
  tickets: StreamTickets;
  /** Harnesses that `GET /v1/harnesses` tells of. */
  harnesses: readonly HarnessListing[];
  metrics: HttpMetrics;
  log: Logger;
  /** Whether new work is taken: false while starting and while draining. */
  ready(): boolean;
  /** Counts requests, and refuses those that are too many; without it none is. */
  rates?: Pick<RateLimiter, 'takeRequest'>;
  /** From `KARTA_TRUSTED_PROXIES`; none when absent. */
  trustedProxies?: TrustedProxies;
  /** Where projects have hosts of their own; nowhere when absent. */
  projectHosts?: ProjectHosts;
  /** Silence on an event stream before a comment line, in milliseconds. */
  heartbeatMs?: number;
  /** How often a stream that a ticket opened is given the next, in milliseconds. */
  ticketMs?: number;
}

export type HarnessListing = Pick<Harness, 'id' | 'name' | 'capabilities' | 'installed'>;

/** What the steps of one request leave for those after them. */
export interface HttpEnv {
  Bindings: HttpBindings;
  Variables: {
    requestId: string;
    /** The route's path as `/openapi.json` writes it; absent when none matched. */
    route?: string;
    principal?: Principal;
    project?: Project;
    streams: OpenStreams;
  };
}
