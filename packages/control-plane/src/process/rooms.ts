import type { HttpServer } from '@karta/http';
import type { BoundInternalRoute } from '@karta/service/plane-auth';
import type { Logger } from 'pino';
import type { ControlPlaneConfig } from '../config.ts';
import type { ControlHttp } from '../http/app.ts';
import { listenInternal } from '../internal/internal-surface.ts';
import type { Database } from '../sql/database.ts';

/** What every room of the control plane is built from. */
export interface RoomDeps {
  config: ControlPlaneConfig;
  database: Database;
  log: Logger;
}

/** The rooms of one control plane, put together. */
export interface Rooms {
  /** What the public surface serves. */
  http: Pick<ControlHttp, 'routes' | 'authenticator' | 'mounts' | 'webhooks'>;
  /** `/v1/internal/*`, for the data planes only. */
  listenInternal(ready: () => boolean): Promise<HttpServer>;
  /** Begins what works by itself: syncs, deliveries. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Builds every room. Each brings its routes; what works in the background begins with `start`. */
export async function createRooms(deps: RoomDeps): Promise<Rooms> {
  const { config, log } = deps;
  const internalRoutes: BoundInternalRoute[] = [];
  return {
    http: { routes: [], authenticator: { actorOf: async () => null }, mounts: [], webhooks: {} },
    listenInternal: (ready) => listenInternal({ config, routes: internalRoutes, log, ready }),
    start: async () => {},
    stop: async () => {},
  };
}
