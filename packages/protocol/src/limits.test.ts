import { expect, it } from 'vitest';
import { LIMITS } from './limits.ts';

it('limits are whole, positive and what the public surface promises', () => {
  for (const [name, value] of Object.entries(LIMITS)) {
    expect(Number.isInteger(value) && value > 0, name).toBe(true);
  }
  expect(LIMITS).toMatchObject({
    metadataKeys: 50,
    metadataBytes: 16_384,
    requestBodyBytes: 10_485_760,
    fileBytes: 104_857_600,
    queuedTurns: 16,
    heartbeatMs: 15_000,
    inputExpiryMs: 600_000,
    idempotencyMs: 86_400_000,
    sessionTtlMs: 30 * 86_400_000,
    participantIdCodePoints: 128,
  });
});

it('limits fit into each other', () => {
  // A message of the greatest length fits into a body even when every character is escaped.
  expect(LIMITS.messageTextBytes * 6).toBeLessThan(LIMITS.requestBodyBytes);
  expect(LIMITS.metadataBytes).toBeLessThan(LIMITS.messageTextBytes);
  expect(LIMITS.inputExpiryMs).toBeLessThan(LIMITS.turnMs);
});
