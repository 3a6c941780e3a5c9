import {
  type EventBatch,
  eventBatch,
  type LifecycleEvent,
  type UsageEvent,
  webhookEventData,
} from '@karta/protocol';
import { type BoundInternalRoute, internalRoute } from '@karta/service/plane-auth';
import type { Logger } from 'pino';
import { bookSpending, heldBudgets } from '../budgets/book-spending.ts';
import type { GrantWindow, OrgGrants } from '../internal/org-grant.ts';
import { bookTurnEnds } from '../operator/turn-ends.ts';
import type { Database } from '../sql/database.ts';
import { emitWebhooks, type WebhookEvent } from '../webhooks/emit-webhook.ts';
import { archivedBefore } from './archive-usage.ts';
import { bookUsage } from './book-usage.ts';

/** How far a node's clock may be off, in seconds. */
const CLOCK_SKEW_S = 60;
/**
 * A turn that began under a grant may go on, and make calls, after the grant has ended: this long,
 * in seconds. No turn lasts longer.
 */
const TURN_GRACE_S = 24 * 60 * 60;

export interface IntakeParts {
  database: Database;
  grants: Pick<OrgGrants, 'window'>;
  log: Pick<Logger, 'warn'>;
  now?: () => Date;
}

/** What a node is answered about its batch. */
export interface IntakeAnswer {
  /** Ids that are counted now, whether by this batch or before. */
  accepted: string[];
  refused: { id: string; reason: string }[];
}

/**
 * Takes what happened on a node: books usage and queues webhooks in one transaction, so that the
 * answer is true whatever ends on the way. A node is believed only about orgs of which it holds a
 * grant, for the time when it had it; events may arrive much later.
 */
export async function takeEvents(
  parts: IntakeParts,
  nodeId: string,
  batch: Pick<EventBatch, 'grants' | 'usage' | 'lifecycle'>,
): Promise<IntakeAnswer> {
  const windows = new Map<string, GrantWindow | null>();
  const answer: IntakeAnswer = { accepted: [], refused: [] };
  const told = (event: UsageEvent | LifecycleEvent, reason: string | null): boolean => {
    if (reason === null) answer.accepted.push(event.id);
    else answer.refused.push({ id: event.id, reason });
    return reason === null;
  };
  const isKnown = (event: UsageEvent | LifecycleEvent): boolean => {
    const { org_id: orgId } = event;
    let window = windows.get(orgId);
    if (window === undefined) {
      const grant = Object.hasOwn(batch.grants, orgId) ? (batch.grants[orgId] ?? null) : null;
      window = parts.grants.window(grant, nodeId, orgId);
      windows.set(orgId, window);
    }
    const reason = refusalOf(event, window);
    return reason === null || told(event, reason);
  };
  const known = batch.usage.filter(isKnown);
  const lifecycle = batch.lifecycle.filter(isKnown).filter((event) => told(event, null));
  const webhooks = lifecycle.map(webhookOf);
  if (known.length + webhooks.length > 0) {
    await parts.database.transaction().execute(async (tx) => {
      const before = await archivedBefore(tx);
      const usage = known.filter((event) =>
        told(event, new Date(event.at) < before ? 'too_old' : null),
      );
      const budgets = await heldBudgets(tx, new Set(usage.map(({ org_id }) => org_id)));
      const booked = await bookUsage(tx, usage);
      await bookSpending(tx, { nodeId, now: parts.now?.() ?? new Date() }, budgets, booked);
      await bookTurnEnds(tx, lifecycle);
      await emitWebhooks(tx, webhooks);
    });
  }
  if (answer.refused.length > 0) {
    const [first] = answer.refused;
    parts.log.warn({ node: nodeId, events: answer.refused.length, first }, 'events were refused');
  }
  return answer;
}

function refusalOf(event: UsageEvent | LifecycleEvent, window: GrantWindow | null): string | null {
  if (window === null) return 'no_grant';
  const at = Date.parse(event.at) / 1000;
  const early = at < window.issuedAt - CLOCK_SKEW_S;
  if (early || at > window.expiresAt + TURN_GRACE_S) return 'outside_grant';
  const isLifecycle = 'data' in event;
  // An endpoint gets what is described, and nothing that a node would add to it.
  if (isLifecycle && !webhookEventData[event.type].safeParse(event.data).success) return 'invalid';
  return null;
}

function webhookOf({ id, org_id: orgId, type, data, at }: LifecycleEvent): WebhookEvent {
  // Its shape has been checked against its type.
  return { id, orgId, type, data: data as WebhookEvent['data'], at: new Date(at) };
}

/** `POST /v1/internal/events` */
export function eventIntakeRoute(parts: IntakeParts): BoundInternalRoute {
  return internalRoute({
    method: 'POST',
    path: '/v1/internal/events',
    body: eventBatch,
    handle: ({ nodeId, body }) => takeEvents(parts, nodeId, body),
  });
}
