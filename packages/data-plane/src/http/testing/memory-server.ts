import type { HttpDeps } from '../deps.ts';
import { MemoryIdempotency } from './memory-idempotency.ts';
import { MemorySessions } from './memory-sessions.ts';
import { serveTest, type TestServer } from './serve-test.ts';

/** The HTTP surface over sessions in memory, for what real sessions cannot be made to show. */
export async function startMemoryServer(
  overrides: Partial<HttpDeps> = {},
): Promise<TestServer & { sessions: MemorySessions }> {
  const idempotency = new MemoryIdempotency();
  const sessions = new MemorySessions(idempotency);
  return { ...(await serveTest({ sessions, idempotency, ...overrides })), sessions };
}
