import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import Stripe from 'stripe';

export const WEBHOOK_SECRET = 'whsec_of_the_test';
export const SECRET_KEY = 'sk_test_of_the_test';

type Item = Record<string, unknown> & { id: string };
type Params = Record<string, unknown>;

/** What a request is answered with once: refused before it has an effect, or cut off after. */
type Fault = 'refused' | 'unanswered';

/**
 * A server that speaks Stripe's wire: form bodies, idempotency keys, its errors, lists; only the
 * endpoints that are used. Signatures are made by Stripe's own library.
 */
export interface StripeDouble {
  url: string;
  customers: Item[];
  subscriptions: Map<string, Item>;
  invoices: Map<string, Item>;
  /** Items of invoices, in the order in which they came. */
  items: Item[];
  /** `METHOD path` of every request that was answered. */
  requests: string[];
  /** The next requests like `METHOD path` fare so. */
  fail(request: string, ...faults: Fault[]): void;
  subscription(customer: string, status: string, more?: Params): Item;
  invoice(customer: string, more?: Params): Item;
  /** A webhook as Stripe sends it. The event's object is what it was at that time. */
  event(type: string, object: Item, id?: string): { body: string; headers: Record<string, string> };
  close(): Promise<void>;
}

export async function startStripeDouble(): Promise<StripeDouble> {
  const answered = new Map<string, { params: string; status: number; body: object }>();
  const faults = new Map<string, Fault[]>();
  let count = 0;
  const next = (prefix: string) => {
    count += 1;
    return `${prefix}_${count}`;
  };
  const seconds = () => Math.floor(Date.now() / 1000);
  const signing = new Stripe(SECRET_KEY).webhooks;

  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      answer(response, 500, { error: { type: 'api_error', message: String(error) } });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  const double: StripeDouble = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    customers: [],
    subscriptions: new Map(),
    invoices: new Map(),
    items: [],
    requests: [],
    fail: (request, ...list) => void faults.set(request, list),
    subscription(customer, status, more = {}) {
      const period = { current_period_start: seconds(), current_period_end: seconds() + 2_592_000 };
      const made = {
        id: next('sub'),
        object: 'subscription',
        customer,
        status,
        cancel_at_period_end: false,
        items: { object: 'list', data: [{ id: next('si'), ...period }], has_more: false },
        metadata: {},
        ...more,
      };
      double.subscriptions.set(made.id, made);
      return made;
    },
    invoice(customer, more = {}) {
      const made = {
        id: next('in'),
        object: 'invoice',
        customer,
        status: 'draft',
        billing_reason: 'subscription_cycle',
        currency: 'usd',
        amount_due: 0,
        amount_paid: 0,
        period_start: seconds() - 2_592_000,
        period_end: seconds(),
        created: seconds() + count,
        hosted_invoice_url: null,
        metadata: {},
        ...more,
      };
      double.invoices.set(made.id, made);
      return made;
    },
    event(type, object, id = next('evt')) {
      const body = JSON.stringify({
        id,
        object: 'event',
        type,
        created: seconds(),
        data: { object: structuredClone(object) },
      });
      const signature = signing.generateTestHeaderString({ payload: body, secret: WEBHOOK_SECRET });
      return { body, headers: { 'stripe-signature': signature } };
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return double;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://stripe');
    const form = await text(request);
    double.requests.push(`${request.method} ${pathname}`);
    if (request.headers.authorization !== `Bearer ${SECRET_KEY}`) {
      answer(response, 401, { error: { type: 'invalid_request_error', message: 'no such key' } });
      return;
    }
    const fault = faults.get(`${request.method} ${pathname}`)?.shift();
    if (fault === 'refused') {
      // What Stripe's library does not try again by itself.
      const error = { type: 'api_error', message: 'something went wrong' };
      answer(response, 500, { error }, { 'stripe-should-retry': 'false' });
      return;
    }
    const key = String(request.headers['idempotency-key'] ?? '');
    const before = request.method === 'POST' ? answered.get(key) : undefined;
    if (before !== undefined && before.params !== form) {
      answer(response, 400, { error: { type: 'idempotency_error', message: 'another request' } });
      return;
    }
    const result = before ?? {
      ...handle(request.method ?? '', pathname, paramsOf(form), searchParams),
      params: form,
    };
    if (request.method === 'POST' && key !== '') answered.set(key, result);
    if (fault === 'unanswered') {
      const error = { type: 'api_error', message: 'nobody knows' };
      answer(response, 500, { error }, { 'stripe-should-retry': 'false' });
      return;
    }
    answer(response, result.status, result.body);
  }

  function handle(
    method: string,
    path: string,
    params: Params,
    query: URLSearchParams,
  ): { status: number; body: object } {
    const [, , kind, ...rest] = path.split('/');
    const id = rest.join('/');
    if (method === 'POST' && kind === 'customers') {
      const made = { id: next('cus'), object: 'customer', ...params };
      double.customers.push(made);
      return { status: 200, body: made };
    }
    if (method === 'POST' && path === '/v1/checkout/sessions') {
      const page = { id: next('cs'), object: 'checkout.session', ...params };
      return { status: 200, body: { ...page, url: `https://checkout.stripe.test/${page.id}` } };
    }
    if (method === 'POST' && path === '/v1/billing_portal/sessions') {
      const page = { id: next('bps'), object: 'billing_portal.session', ...params };
      return { status: 200, body: { ...page, url: `https://portal.stripe.test/${page.id}` } };
    }
    if (method === 'GET' && kind === 'subscriptions') return found(double.subscriptions.get(id));
    if (method === 'DELETE' && kind === 'subscriptions') {
      const subscription = double.subscriptions.get(id);
      if (subscription?.status === 'canceled') return invalid('it is canceled');
      if (subscription !== undefined) subscription.status = 'canceled';
      return found(subscription);
    }
    if (method === 'GET' && kind === 'invoices') return found(double.invoices.get(id));
    if (method === 'POST' && path === '/v1/invoices') {
      const made = double.invoice(String(params.customer), {
        billing_reason: 'manual',
        metadata: params.metadata,
      });
      return { status: 200, body: made };
    }
    if (method === 'POST' && kind === 'invoiceitems') {
      const invoice = double.invoices.get(String(params.invoice));
      if (invoice?.status !== 'draft') return invalid('the invoice can no longer be changed');
      if (!/^\d+$/.test(String(params.amount))) return invalid('an amount is a whole number');
      const made = { id: next('ii'), object: 'invoiceitem', ...params };
      double.items.push(made);
      return { status: 200, body: made };
    }
    if (method === 'GET' && kind === 'invoiceitems') {
      const data = double.items.filter((item) => item.invoice === query.get('invoice'));
      return { status: 200, body: { object: 'list', data, has_more: false, url: path } };
    }
    return { status: 404, body: { error: { type: 'invalid_request_error', message: path } } };
  }

  function found(item: Item | undefined) {
    return item === undefined ? invalid('no such object') : { status: 200, body: item };
  }
}

function invalid(message: string) {
  return { status: 400, body: { error: { type: 'invalid_request_error', message } } };
}

function answer(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

/** `a[b][0]=c` as `{a: {b: {0: 'c'}}}`. */
function paramsOf(form: string): Params {
  const params: Params = {};
  for (const [name, value] of new URLSearchParams(form)) {
    const path = name.split(/[[\]]+/).filter((part) => part !== '');
    const last = path.pop() ?? '';
    let at = params;
    for (const part of path) {
      at[part] ??= {};
      at = at[part] as Params;
    }
    at[last] = value;
  }
  return params;
}
