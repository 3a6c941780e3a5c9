import { loggable } from '@karta/http';
import type { Logger } from 'pino';
import type { BoundRoute } from '../http/route.ts';
import type { Database } from '../sql/database.ts';
import { billingRoutes } from './billing-routes.ts';
import { cancelDeleted } from './cancel-deleted.ts';
import { type BillingConfig, graceMs } from './config.ts';
import { stripeClient } from './stripe-client.ts';
import { stripeWebhookRoute } from './stripe-webhook.ts';
import { sweepBilling, unblockAll } from './sweep.ts';

/** How often it is looked whose grace is over, and which org was deleted, in ms. */
const SWEEP_MS = 60_000;

export interface BillingRoomDeps {
  /** Without it nothing is billed, and nobody is refused for it. */
  config: BillingConfig | undefined;
  database: Database;
  /** Where people reach the control plane. */
  publicUrl: string;
  /** Nodes are to hear of refusals. */
  changed(): Promise<void>;
  log: Logger;
}

/** Billing by Stripe. */
export interface BillingRoom {
  routes: BoundRoute[];
  start(): Promise<void>;
  stop(): Promise<void>;
}

export async function createBillingRoom(deps: BillingRoomDeps): Promise<BillingRoom> {
  const { config, database, publicUrl, changed, log } = deps;
  if (config === undefined) {
    return {
      routes: [...billingRoutes(database, null), stripeWebhookRoute(null)],
      async start() {
        if (await unblockAll(database)) await changed();
      },
      stop: async () => {},
    };
  }
  const stripe = await stripeClient(config);
  const parts = { database, stripe, config, publicUrl, graceMs: graceMs(config), changed, log };
  let timer: NodeJS.Timeout | undefined;
  let sweeping: Promise<void> = Promise.resolve();
  async function sweep(): Promise<void> {
    try {
      if (await sweepBilling(database, parts.graceMs)) await changed();
      await cancelDeleted(database, stripe);
    } catch (error) {
      log.warn(loggable(error), 'not all that billing does by itself could be done');
    }
  }
  return {
    routes: [...billingRoutes(database, parts), stripeWebhookRoute(parts)],
    async start() {
      await sweep();
      timer = setInterval(() => {
        sweeping = sweep();
      }, SWEEP_MS);
    },
    async stop() {
      clearInterval(timer);
      await sweeping;
    },
  };
}
