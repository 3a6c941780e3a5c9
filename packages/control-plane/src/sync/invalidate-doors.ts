import type { PlaneClient } from '@karta/service/plane-auth';
import type { Logger } from 'pino';
import { z } from 'zod';

/** How long a node may take, in milliseconds. */
const ANSWER_MS = 2_000;

/**
 * Has the doors of every node forget at once what they know of an org's budgets and keys. A node
 * that is out of reach asks again by itself within a minute: nobody waits for it longer than a
 * moment, and it never fails.
 */
export function invalidateDoors(
  nodes: readonly PlaneClient[],
  log: Pick<Logger, 'warn'>,
): (orgId: string) => Promise<void> {
  return async (orgId) => {
    const told = nodes.map(async (node) => {
      try {
        const answer = await node.call(
          {
            method: 'POST',
            path: '/v1/internal/doors/invalidate',
            json: { org_ids: [orgId] },
            timeoutMs: ANSWER_MS,
          },
          z.object({}),
        );
        if (answer === null) log.warn({ org: orgId }, 'a node has no doors to tell of a change');
      } catch (error) {
        log.warn({ err: error, org: orgId }, 'the doors of a node were not told of a change');
      }
    });
    await Promise.all(told);
  };
}
