import type {
  BillingPage,
  BillingPageBody,
  BillingState,
  Invoice,
  InvoiceDetail,
} from '@karta/protocol';
import { listOf, type PagedList, type PageOptions } from '../page.ts';
import type { Transport } from '../transport.ts';

/** The org's subscription and invoices. For people with a role that may see them; no API key may. */
export class Billing {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** How the org stands, and what is on no invoice yet. */
  get(): Promise<BillingState> {
    return this.#transport.json({ method: 'GET', path: '/v1/billing' });
  }

  /** The newest first. */
  invoices(options: PageOptions = {}): PagedList<Invoice> {
    return listOf(this.#transport, '/v1/billing/invoices', 'invoices', options);
  }

  /** With its lines of usage. */
  invoice(id: string): Promise<InvoiceDetail> {
    return this.#transport.json({
      method: 'GET',
      path: `/v1/billing/invoices/${encodeURIComponent(id)}`,
    });
  }

  /** A page on which the org subscribes. */
  checkout(body: BillingPageBody = {}): Promise<BillingPage> {
    return this.#transport.json({ method: 'POST', path: '/v1/billing/checkout', json: body });
  }

  /** A page with the org's subscription and means of payment. */
  portal(body: BillingPageBody = {}): Promise<BillingPage> {
    return this.#transport.json({ method: 'POST', path: '/v1/billing/portal', json: body });
  }
}
