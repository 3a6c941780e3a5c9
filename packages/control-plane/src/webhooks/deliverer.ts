import type { Logger } from 'pino';
import type { Sealer } from '../projects/sealed-value.ts';
import type { Database } from '../sql/database.ts';
import { type ClaimedDelivery, claimDue, ENDPOINT_CONCURRENCY } from './delivery-queue.ts';
import type { EndpointRules } from './endpoint-address.ts';
import { recordResult } from './record-result.ts';
import { sealContext } from './seal-context.ts';
import { sendRequest } from './send-request.ts';
import { signedHeaders } from './signature.ts';

/** How often the queue is looked at, in ms. */
const LOOK_MS = 500;
/** Deliveries under way at once in this process. */
const CONCURRENCY = 32;
/** Events, with their deliveries, are forgotten after so long. */
const KEEP_MS = 30 * 24 * 60 * 60 * 1000;
const FORGET_EVERY_MS = 60 * 60 * 1000;

export interface DelivererParts {
  database: Database;
  sealer: Sealer;
  rules: EndpointRules;
  log: Pick<Logger, 'warn' | 'error'>;
  now?: () => Date;
  /** For one whole try, in ms. */
  timeoutMs?: number;
}

/** Sends what is queued, many at once, and forgets what is old. */
export class Deliverer {
  readonly #parts: DelivererParts;
  readonly #now: () => Date;
  /** Deliveries under way, by endpoint. */
  readonly #underWay = new Map<string, number>();
  readonly #sending = new Set<Promise<void>>();
  #timers: NodeJS.Timeout[] = [];
  #looking: Promise<void> | null = null;

  constructor(parts: DelivererParts) {
    this.#parts = parts;
    this.#now = parts.now ?? (() => new Date());
  }

  start(): void {
    this.#timers = [
      setInterval(() => this.#lookSoon(), LOOK_MS),
      setInterval(() => this.#forgetSoon(), FORGET_EVERY_MS),
    ];
  }

  /** Begins nothing new; tries under way end, within their time. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
    await this.#looking;
    await Promise.all(this.#sending);
  }

  /** Tries everything that is due now, and resolves when that is over. */
  async deliverDue(): Promise<void> {
    while ((await this.#look()) > 0) await Promise.all(this.#sending);
  }

  /** Forgets events older than {@link KEEP_MS} of which nothing waits. */
  async forgetOld(): Promise<void> {
    const before = new Date(this.#now().getTime() - KEEP_MS);
    await this.#parts.database
      .deleteFrom('webhook_events as event')
      .where('created_at', '<', before)
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom('webhook_deliveries as d')
              .select('d.id')
              .whereRef('d.org_id', '=', 'event.org_id')
              .whereRef('d.event_id', '=', 'event.id')
              .where('d.status', '=', 'pending'),
          ),
        ),
      )
      .execute();
  }

  #lookSoon(): void {
    this.#looking ??= this.#look()
      .then(() => undefined)
      .catch((error: unknown) => this.#parts.log.error({ err: error }, 'no look at the webhooks'))
      .finally(() => {
        this.#looking = null;
      });
  }

  #forgetSoon(): void {
    this.forgetOld().catch((error: unknown) => {
      this.#parts.log.error({ err: error }, 'old webhook events are still there');
    });
  }

  /** Begins what is due and has room. Says how many that was. */
  async #look(): Promise<number> {
    const limit = CONCURRENCY - this.#sending.size;
    if (limit <= 0) return 0;
    const busy = [...this.#underWay]
      .filter(([, count]) => count >= ENDPOINT_CONCURRENCY)
      .map(([endpointId]) => endpointId);
    const claimed = await claimDue(this.#parts.database, { now: this.#now(), limit, busy });
    for (const delivery of claimed) this.#begin(delivery);
    return claimed.length;
  }

  #begin(delivery: ClaimedDelivery): void {
    const { endpoint_id: endpointId } = delivery;
    const count = (change: number) => {
      const left = (this.#underWay.get(endpointId) ?? 0) + change;
      if (left > 0) this.#underWay.set(endpointId, left);
      else this.#underWay.delete(endpointId);
    };
    count(1);
    const sent = this.#try(delivery)
      .catch((error: unknown) => {
        // The lease runs out, and the delivery is tried again.
        this.#parts.log.error({ err: error, delivery: delivery.id }, 'a delivery was not recorded');
      })
      .finally(() => {
        count(-1);
        this.#sending.delete(sent);
        // Its place is free, and of an ordered endpoint the next may be due now.
        if (this.#timers.length > 0) this.#lookSoon();
      });
    this.#sending.add(sent);
  }

  async #try(delivery: ClaimedDelivery): Promise<void> {
    const { database, rules, timeoutMs } = this.#parts;
    const at = this.#now();
    const begun = performance.now();
    const { url, body, event_id: id } = delivery;
    const headers = signedHeaders(this.#secretsOf(delivery, at), { id, at, body });
    const result = await sendRequest({ url, headers, body }, rules, timeoutMs);
    const durationMs = Math.round(performance.now() - begun);
    await recordResult(database, delivery, { ...result, at, durationMs });
  }

  #secretsOf(delivery: ClaimedDelivery, at: Date): string[] {
    const { secret, previous_secret: previous, previous_secret_expires_at: until } = delivery;
    const context = sealContext(delivery.org_id, delivery.endpoint_id);
    const held = previous !== null && until !== null && until > at ? [secret, previous] : [secret];
    return held.map((sealed) => this.#parts.sealer.open(sealed, context));
  }
}
