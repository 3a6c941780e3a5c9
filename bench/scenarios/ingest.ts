import {
  eventBatchAnswer,
  newId,
  UNPRICED,
  type UsageEvent,
  validatedCredential,
} from '@karta/protocol';
import { startKeys } from '../../packages/control-plane/src/keys/testing/keys-ground.ts';
import type { Scenario } from '../scenario.ts';

const TARGET = 10_000;
/** What a node sends at once when much waits. */
const BATCH = 1_000;
/** Batches under way at once, as two nodes would have. */
const AT_ONCE = 2;

/**
 * Usage events a second that the control plane books, from the signed request of a node to the
 * answer that lets the node forget them: with its real internal surface and database, every event
 * on disk with the sums of its day. The sending side runs in the same process and on the same
 * cores. Labels vary as they would: 20 end users, 3 models, 5 projects of one org.
 */
export const ingest: Scenario = {
  name: 'ingest',
  target: `≥ ${TARGET.toLocaleString('en')} events/s`,
  async run({ quick }) {
    const ground = await startKeys();
    try {
      const org = await ground.org();
      const validated = await ground.node.call(
        {
          method: 'POST',
          path: '/v1/internal/credentials/validate',
          json: { credential: org.apiKey },
        },
        validatedCredential,
      );
      const grants = { [org.id]: validated?.org_grant ?? '' };
      const send = async (usage: UsageEvent[]) => {
        const answer = await ground.node.call(
          {
            method: 'POST',
            path: '/v1/internal/events',
            json: { node_id: 'bench', grants, usage, lifecycle: [] },
          },
          eventBatchAnswer,
        );
        if (answer?.accepted.length !== usage.length) throw new Error('events were refused');
      };
      const batches = Array.from({ length: quick ? 20 : 100 }, () =>
        Array.from({ length: BATCH }, (_, index) => usageEvent(org.id, index)),
      );
      await send(batches[0] ?? []);
      const began = performance.now();
      const waiting = batches.slice(1);
      const count = waiting.length * BATCH;
      await Promise.all(
        Array.from({ length: AT_ONCE }, async () => {
          for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await send(next);
        }),
      );
      const rate = count / ((performance.now() - began) / 1000);
      return {
        rows: [
          {
            figure: `events booked a second (n=${count}, batches of ${BATCH})`,
            value: Math.round(rate).toLocaleString('en'),
          },
        ],
        met: rate >= TARGET,
      };
    } finally {
      await ground.close();
    }
  },
};

function usageEvent(orgId: string, index: number): UsageEvent {
  return {
    id: newId('call'),
    org_id: orgId,
    project_id: `proj_${index % 5}`,
    session_id: newId('session'),
    turn_id: newId('turn'),
    principal_id: 'key_1',
    end_user: `user-${index % 20}`,
    api_key_id: null,
    embed_key_id: null,
    provider: 'anthropic',
    model: `model-${index % 3}`,
    input_tokens: 1_000,
    cache_read_tokens: 800,
    cache_write_tokens: 0,
    output_tokens: 100,
    estimated: false,
    paid_by: 'platform',
    spend: UNPRICED,
    mode: 'live',
    at: new Date().toISOString(),
  };
}
