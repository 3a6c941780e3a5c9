import type { DeliveryStatus } from '@karta/protocol';
import { type AccountOptions, openAccount } from '../../client/account.ts';
import { EXIT } from '../../exit-codes.ts';
import { shortTime, showList } from '../../output/table.ts';
import type { Terminal } from '../../output/terminal.ts';

/** `karta webhooks`: the endpoints of the org. */
export async function listWebhooks(options: AccountOptions, terminal: Terminal): Promise<number> {
  const { karta } = await openAccount(options);
  await showList(
    karta.webhooks.list(),
    {
      columns: [
        ['id', (endpoint) => endpoint.id],
        ['state', (endpoint) => (endpoint.enabled ? 'enabled' : 'disabled')],
        ['events', (endpoint) => endpoint.event_types?.join(' ') ?? 'all'],
        ['url', (endpoint) => endpoint.url],
        ['notice', (endpoint) => endpoint.notice ?? ''],
      ],
      empty: 'No webhooks. Make one: karta webhooks create <url>',
      json: options.json === true,
    },
    terminal,
  );
  return EXIT.ok.code;
}

/** `karta webhooks create <url>`: prints the secret, which is shown this once. */
export async function createWebhook(
  url: string,
  options: AccountOptions & { events?: string[]; ordered?: boolean; description?: string },
  terminal: Terminal,
): Promise<number> {
  const { karta } = await openAccount(options);
  const endpoint = await karta.webhooks.create({
    url,
    ...(options.events === undefined ? {} : { event_types: options.events }),
    ...(options.ordered === undefined ? {} : { ordered: options.ordered }),
    ...(options.description === undefined ? {} : { description: options.description }),
  });
  if (options.json === true) terminal.json(endpoint);
  else {
    terminal.note(`Made ${endpoint.id}. Its secret is shown this once:`);
    terminal.out(`${endpoint.secret}\n`);
  }
  return EXIT.ok.code;
}

/** `karta webhooks rotate <id>`: a new secret; the old one counts for a while. */
export async function rotateWebhook(
  id: string,
  options: AccountOptions,
  terminal: Terminal,
): Promise<number> {
  const { karta } = await openAccount(options);
  const rotated = await karta.webhooks.rotate(id);
  if (options.json === true) terminal.json(rotated);
  else {
    const until = shortTime(rotated.previous_secret_expires_at);
    terminal.note(`The old secret counts until ${until}. The new one, shown this once:`);
    terminal.out(`${rotated.secret}\n`);
  }
  return EXIT.ok.code;
}

/** `karta webhooks enable|disable <id>` */
export async function switchWebhook(
  id: string,
  enabled: boolean,
  options: AccountOptions,
  terminal: Terminal,
): Promise<number> {
  const { karta } = await openAccount(options);
  const endpoint = await karta.webhooks.update(id, { enabled });
  if (options.json === true) terminal.json(endpoint);
  else terminal.out(`${id} is ${enabled ? 'enabled' : 'disabled'}\n`);
  return EXIT.ok.code;
}

/** `karta webhooks delete <id>` */
export async function deleteWebhook(
  id: string,
  options: AccountOptions,
  terminal: Terminal,
): Promise<number> {
  const { karta } = await openAccount(options);
  await karta.webhooks.delete(id);
  if (options.json === true) terminal.json({ id, deleted: true });
  else terminal.out(`${id} is deleted\n`);
  return EXIT.ok.code;
}

/** `karta webhooks test <id>`: sends an event of the type `webhook.test`. */
export async function testWebhook(
  id: string,
  options: AccountOptions,
  terminal: Terminal,
): Promise<number> {
  const { karta } = await openAccount(options);
  const delivery = await karta.webhooks.test(id);
  if (options.json === true) terminal.json(delivery);
  else terminal.out(`${delivery.id} is on its way; see "karta webhooks deliveries ${id}"\n`);
  return EXIT.ok.code;
}

/** `karta webhooks deliveries <id>`: what was sent, and what came back. */
export async function listDeliveries(
  id: string,
  options: AccountOptions & { status?: DeliveryStatus; limit?: number },
  terminal: Terminal,
): Promise<number> {
  const { karta } = await openAccount(options);
  await showList(
    karta.webhooks.deliveries(id, options.status === undefined ? {} : { status: options.status }),
    {
      columns: [
        ['id', (delivery) => delivery.id],
        ['event', (delivery) => delivery.event_type],
        ['state', (delivery) => delivery.status],
        ['tries', (delivery) => delivery.attempts],
        ['answer', (delivery) => delivery.response_status ?? delivery.error],
        ['next try', (delivery) => shortTime(delivery.next_attempt_at)],
      ],
      empty: 'Nothing was sent yet.',
      json: options.json === true,
      ...(options.limit === undefined ? {} : { limit: options.limit }),
    },
    terminal,
  );
  return EXIT.ok.code;
}

/** `karta webhooks redeliver <id> <delivery>` */
export async function redeliver(
  id: string,
  deliveryId: string,
  options: AccountOptions,
  terminal: Terminal,
): Promise<number> {
  const { karta } = await openAccount(options);
  const delivery = await karta.webhooks.redeliver(id, deliveryId);
  if (options.json === true) terminal.json(delivery);
  else terminal.out(`${delivery.id} is on its way\n`);
  return EXIT.ok.code;
}
