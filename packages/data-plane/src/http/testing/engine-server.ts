import { pino } from 'pino';
import type { RateLimiter } from '../../rates/rate-limiter.ts';
import { SessionEngine } from '../../sessions/session-engine.ts';
import { ScriptedRunner, type Step } from '../../sessions/testing/scripted-runner.ts';
import type { Database } from '../../sql/index.ts';
import { startTestDatabase } from '../../sql/test-database.ts';
import type { HttpDeps } from '../deps.ts';
import { serveTest, type TestServer } from './serve-test.ts';
import { testControl } from './test-control.ts';

export interface EngineServer extends TestServer {
  engine: SessionEngine;
  database: Database;
  runner: ScriptedRunner;
  /** A message of steps that the harness carries out. */
  script(...steps: Step[]): string;
  /** How many read the session's events now. */
  readersOf(sessionId: string): number;
}

/** The HTTP surface over the real session engine and database; only the harness is scripted. */
export async function startEngineServer(
  overrides: Partial<HttpDeps> = {},
  rates?: RateLimiter,
): Promise<EngineServer> {
  const test = await startTestDatabase();
  const runner = new ScriptedRunner();
  const control = testControl();
  const log = pino({ level: 'silent' });
  const engine = new SessionEngine({
    database: test.database,
    runner,
    control,
    log,
    ...(rates && { rates }),
  });
  await engine.start();
  const server = await serveTest({
    sessions: engine.service,
    idempotency: engine.idempotency,
    control,
    ...(rates && { rates }),
    ...overrides,
  });
  return {
    ...server,
    engine,
    database: test.database,
    runner,
    script: (...steps) => JSON.stringify(steps),
    readersOf: (sessionId) => engine.live.get(sessionId)?.events.readers ?? 0,
    async close() {
      await server.close();
      await engine.drain(0);
      await test.close();
    },
  };
}
