import { z } from 'zod';
import { stopReason } from '../event.ts';
import { inputKind } from '../input.ts';
import { budgetMetric, budgetScope, budgetWindow } from '../internal/metering.ts';
import { moneyWire } from '../money.ts';
import { usage } from '../usage.ts';
import { budgetAmount } from './budgets.ts';

const mode = z.enum(['live', 'test']);

const sessionFields = {
  session_id: z.string(),
  project_id: z.string(),
  end_user: z.string().nullable(),
  mode,
};

const turnFields = { ...sessionFields, turn_id: z.string(), stop_reason: stopReason, usage };

const releaseFields = {
  project_id: z.string(),
  project_ref: z.string(),
  release_id: z.string(),
  /** `v1`, `v2`, … */
  version: z.string(),
};

const budgetFields = {
  budget_id: z.string(),
  scope: budgetScope,
  /** The object whose spending it is. */
  scope_id: z.string(),
  metric: budgetMetric,
  window: budgetWindow,
  resets_at: z.string().nullable(),
  limit: budgetAmount,
  spent: budgetAmount,
};

const providerKeyFields = { provider_key_id: z.string(), provider: z.string() };

const invoiceFields = {
  invoice_id: z.string(),
  status: z.string(),
  amount_due: moneyWire,
  amount_paid: moneyWire,
  period_starts_at: z.iso.datetime({ offset: true }),
  period_ends_at: z.iso.datetime({ offset: true }),
};

const memberFields = { person_id: z.string(), role: z.string() };

/**
 * The `data` of each event type of webhooks: ids, states and numbers, never what anybody wrote. The
 * keys are the closed set of types that an endpoint can ask for.
 */
export const webhookEventData = {
  'session.created': z.strictObject({ ...sessionFields, version: z.string() }),
  'session.ended': z.strictObject(sessionFields),
  'turn.completed': z.strictObject(turnFields),
  'turn.failed': z.strictObject({ ...turnFields, error_code: z.string().nullable() }),
  'input.required': z.strictObject({
    ...sessionFields,
    turn_id: z.string(),
    request_id: z.string(),
    kind: inputKind,
  }),
  'release.created': z.strictObject({ ...releaseFields, digest: z.string() }),
  'release.failed': z.strictObject({
    project_id: z.string(),
    project_ref: z.string(),
    build_id: z.string(),
  }),
  'release.activated': z.strictObject({
    ...releaseFields,
    previous_version: z.string().nullable(),
  }),
  'release.revoked': z.strictObject(releaseFields),
  'budget.threshold': z.strictObject({
    ...budgetFields,
    percent: z.union([z.literal(50), z.literal(80)]),
  }),
  'budget.exhausted': z.strictObject(budgetFields),
  'key.created': z.strictObject({ key_id: z.string(), scopes: z.array(z.string()), mode }),
  'key.revoked': z.strictObject({ key_id: z.string() }),
  'provider_key.created': z.strictObject(providerKeyFields),
  'provider_key.destroyed': z.strictObject(providerKeyFields),
  'member.invited': z.strictObject({ invitation_id: z.string(), role: z.string() }),
  'member.joined': z.strictObject(memberFields),
  'member.role_changed': z.strictObject({ ...memberFields, previous_role: z.string() }),
  'member.removed': z.strictObject(memberFields),
  'invoice.created': z.strictObject(invoiceFields),
  'invoice.finalized': z.strictObject(invoiceFields),
  'invoice.paid': z.strictObject(invoiceFields),
  'invoice.payment_failed': z.strictObject(invoiceFields),
  /** Sent to one endpoint on demand; cannot be subscribed to. */
  'webhook.test': z.strictObject({ endpoint_id: z.string() }),
} as const;

export type WebhookEventType = keyof typeof webhookEventData;
export type WebhookEventDataOf<T extends WebhookEventType> = z.infer<(typeof webhookEventData)[T]>;

/** One sentence for each event type, as the OpenAPI document tells of it. */
export const WEBHOOK_SUMMARIES: Readonly<Record<WebhookEventType, string>> = {
  'session.created': 'A session was created',
  'session.ended': 'A session ended, its files are gone',
  'turn.completed': 'A turn ended as it should, or was cancelled',
  'turn.failed': 'A turn ended with an error, at its time limit or with its budget',
  'input.required': 'A turn waits for an approval or an answer',
  'release.created': 'A release was built',
  'release.failed': 'A build failed; nothing changed',
  'release.activated': 'New sessions get another release: an activation or a rollback',
  'release.revoked': 'A release was revoked and its sessions end',
  'budget.threshold': 'Half of a cap, or four fifths of it, is spent',
  'budget.exhausted': 'A cap is spent, or a model call was refused because too little is left',
  'key.created': 'An API key was created',
  'key.revoked': 'An API key was revoked',
  'provider_key.created': 'A key of a model provider was set',
  'provider_key.destroyed': 'A key of a model provider was replaced or removed',
  'member.invited': 'Somebody was invited into the org',
  'member.joined': 'An invitation was accepted',
  'member.role_changed': 'A member got another role',
  'member.removed': 'A member left or was removed',
  'invoice.created': 'An invoice was begun; its lines may still come',
  'invoice.finalized': 'An invoice is complete and due',
  'invoice.paid': 'An invoice was paid',
  'invoice.payment_failed': 'The payment of an invoice failed',
  'webhook.test': 'A test that somebody asked for',
};

/** The body of a webhook of `type`, as the endpoint receives it. */
export function webhookBody<T extends WebhookEventType>(type: T) {
  return z.strictObject({
    /** `evt_…`, also in the header `webhook-id`: the same at each try, so that it counts once. */
    id: z.string(),
    type: z.literal(type),
    timestamp: z.iso.datetime({ offset: true }),
    org_id: z.string(),
    data: webhookEventData[type],
  });
}

/** Every type that an endpoint can ask for. */
export const WEBHOOK_EVENT_TYPES = (Object.keys(webhookEventData) as WebhookEventType[]).filter(
  (type) => type !== 'webhook.test',
);
