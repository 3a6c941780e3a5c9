import { eventBatchAnswer, KartaError } from '@karta/protocol';
import type { PlaneClient } from '@karta/service/plane-auth';
import type { SendBatch } from './outbox.ts';

/** How long the control plane may take to book a batch, in milliseconds. */
const BOOK_MS = 30_000;

/** Tells the control plane what happened on this node. */
export function batchSender(client: PlaneClient, nodeId: string): SendBatch {
  return async (batch) => {
    const request = {
      method: 'POST',
      path: '/v1/internal/events',
      json: { node_id: nodeId, ...batch },
      timeoutMs: BOOK_MS,
    } as const;
    const answer = await client.call(request, eventBatchAnswer);
    if (answer !== null) return answer;
    throw new KartaError('control_unavailable', 'The control plane takes no events.');
  };
}
