import type { HttpBindings } from '@hono/node-server';

/** What every request of a public surface carries from step to step. */
export interface RequestEnv {
  Bindings: HttpBindings;
  Variables: {
    requestId: string;
    /** The route's path as `/openapi.json` writes it; absent when none matched. */
    route?: string;
  };
}
