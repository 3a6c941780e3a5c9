import {
  billingPage,
  billingPageBody,
  billingState,
  invoiceDetail,
  invoiceList,
  invoiceQuery,
  KartaError,
} from '@karta/protocol';
import { type BoundRoute, defineRoute, json, jsonAnswer } from '../http/route.ts';
import type { Database } from '../sql/database.ts';
import { billingStateOf, invoiceDetailOf, listInvoices } from './billing-views.ts';
import { checkoutPage, type PagesParts, portalPage } from './pages.ts';

const tag = 'billing';

/** An org's subscription and invoices. `pages` is `null` where nothing is billed. */
export function billingRoutes(database: Database, pages: PagesParts | null): BoundRoute[] {
  const needed = (): PagesParts => {
    if (pages === null) throw new KartaError('billing_off');
    return pages;
  };
  return [
    defineRoute({
      id: 'getBilling',
      summary: 'How the org stands: its subscription, and what is on no invoice yet',
      tag,
      method: 'get',
      path: '/v1/billing',
      access: 'billing.read',
      answers: { 200: jsonAnswer('The state', billingState) },
      handle: async ({ caller }) =>
        json(200, await billingStateOf(database, caller.orgId, pages !== null)),
    }),
    defineRoute({
      id: 'listInvoices',
      summary: 'Invoices, newest first',
      tag,
      method: 'get',
      path: '/v1/billing/invoices',
      access: 'billing.read',
      query: invoiceQuery,
      answers: { 200: jsonAnswer('Invoices', invoiceList) },
      handle: async ({ caller, query }) =>
        json(200, await listInvoices(database, caller.orgId, query)),
    }),
    defineRoute({
      id: 'getInvoice',
      summary: 'An invoice, with its lines of usage',
      tag,
      method: 'get',
      path: '/v1/billing/invoices/{invoice_id}',
      access: 'billing.read',
      answers: { 200: jsonAnswer('The invoice', invoiceDetail) },
      handle: async ({ caller, param }) =>
        json(200, await invoiceDetailOf(database, caller.orgId, param('invoice_id'))),
    }),
    defineRoute({
      id: 'createCheckout',
      summary: 'A page of Stripe on which the org subscribes',
      tag,
      method: 'post',
      path: '/v1/billing/checkout',
      access: 'billing.manage',
      body: billingPageBody,
      answers: { 201: jsonAnswer('The page', billingPage) },
      handle: async ({ caller, body }) =>
        json(201, { url: await checkoutPage(needed(), caller, body.return_url) }),
    }),
    defineRoute({
      id: 'createPortal',
      summary: "A page of Stripe with the org's subscription, means of payment and invoices",
      tag,
      method: 'post',
      path: '/v1/billing/portal',
      access: 'billing.manage',
      body: billingPageBody,
      answers: { 201: jsonAnswer('The page', billingPage) },
      handle: async ({ caller, body }) =>
        json(201, { url: await portalPage(needed(), caller, body.return_url) }),
    }),
  ];
}
