import { createNameResolver } from '@karta/service/network';
import { type DnsServer, serveDns } from '@karta/service/network/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { emitWebhook } from './emit-webhook.ts';
import { startReceiver, type WebhookReceiver } from './testing/webhook-receiver.ts';
import { startWebhooks, type WebhooksGround } from './testing/webhooks-ground.ts';

/** Nothing here is about time. */
const TIMEOUT_MS = 10_000;
const PUBLIC = '93.184.215.14';

let ground: WebhooksGround;
let receiver: WebhookReceiver;
let dns: DnsServer;
let org: string;
/** What the name server says of each name, one question after the other; the last answer stays. */
const names = new Map<string, string[][]>();

beforeAll(async () => {
  dns = await serveDns((name, type) => {
    const answers = names.get(name);
    if (answers === undefined) return null;
    const next = type === 'AAAA' || answers.length === 1 ? answers[0] : answers.shift();
    return next ?? null;
  });
  // Only the receiver's own address is open: the positive control of every refusal here.
  const resolver = createNameResolver({ servers: [dns.address] });
  ground = await startWebhooks({ allowPrivate: ['127.0.0.7/32'], resolver }, TIMEOUT_MS);
  receiver = await startReceiver('127.0.0.7');
});
afterAll(async () => {
  await receiver?.close();
  await ground?.close();
  await dns?.close();
});
beforeEach(async () => {
  org = await ground.org();
  receiver.received.length = 0;
  receiver.answer = () => ({ status: 200 });
  names.clear();
});

async function write(url: string): Promise<string> {
  const answer = await ground.call(org, 'POST', '/v1/webhooks', { url });
  if (answer.status === 201) return 'taken';
  const { errors } = await answer.json();
  return `${answer.status} ${errors?.[0]?.message}`;
}

async function emitAndDeliver(): Promise<string | null> {
  await ground.database.database.transaction().execute((tx) =>
    emitWebhook(tx, {
      orgId: org,
      type: 'key.revoked',
      data: { key_id: 'key_1' },
      at: new Date(ground.now),
    }),
  );
  await ground.room.deliverer.deliverDue();
  const row = await ground.database.database
    .selectFrom('webhook_deliveries')
    .select('error')
    .where('org_id', '=', org)
    .orderBy('position', 'desc')
    .executeTakeFirst();
  return row?.error ?? null;
}

const NOT_PUBLIC = '422 leads to an address that is not public';

describe('an endpoint is refused when it is written', () => {
  it('the one that the operator opened is taken, and reached', async () => {
    expect(await write(receiver.url)).toBe('taken');
    expect(await emitAndDeliver()).toBeNull();
    expect(receiver.received).toHaveLength(1);
  });

  it.each([
    ['loopback', 'https://127.0.0.1/'],
    ['any address', 'https://0.0.0.0/'],
    ['loopback, in one number', 'https://2130706433/'],
    ['loopback, in octal', 'https://0177.0.0.1/'],
    ['loopback, in hex', 'https://0x7f.1/'],
    ['loopback, short', 'https://127.1/'],
    ['loopback in full-width digits', 'https://１２７.0.0.1/'],
    ['loopback of IPv6', 'https://[::1]/'],
    ['no address of IPv6', 'https://[::]/'],
    ['IPv4 mapped into IPv6', 'https://[::ffff:127.0.0.1]/'],
    ['IPv4 mapped into IPv6, in hex', 'https://[::ffff:7f00:1]/'],
    ['IPv4 translated into IPv6', 'https://[64:ff9b::7f00:1]/'],
    ['6to4 of loopback', 'https://[2002:7f00:1::]/'],
    ['private', 'https://10.1.2.3/'],
    ['private', 'https://172.20.0.1/'],
    ['private', 'https://192.168.1.1/'],
    ['unique local', 'https://[fd00::1]/'],
    ['link-local', 'https://[fe80::1]/'],
    ['metadata', 'https://169.254.169.254/latest/meta-data'],
    ['metadata of IPv6', 'https://[fd00:ec2::254]/'],
    ['shared by a carrier', 'https://100.64.0.1/'],
    ['multicast', 'https://224.0.0.1/'],
    ['broadcast', 'https://255.255.255.255/'],
  ])('%s: %s', async (_what, url) => {
    expect(await write(url)).toBe(NOT_PUBLIC);
  });

  it.each([
    ['http://93.184.215.14/', 'must begin with https://'],
    ['http://hooks.example/', 'must begin with https://'],
    ['http://127.0.0.1/', 'must begin with https://'],
    ['ftp://hooks.example/', 'must begin with https://'],
    ['file:///etc/passwd', 'must begin with https://'],
    ['https://user:word@hooks.example/', 'must not hold credentials'],
    ['https://hooks.example/#x', 'must not have a fragment'],
    ['https://nowhere.example/', 'names a host that has no address'],
  ])('%s', async (url, message) => {
    expect(await write(url)).toBe(`422 ${message}`);
  });

  it('a name that leads there, alone or among others', async () => {
    names.set('inside.example', [['10.0.0.1']]);
    names.set('mixed.example', [[PUBLIC, '127.0.0.1']]);
    names.set('six.example', [['0:0:0:0:0:ffff:a00:1']]);
    names.set('outside.example', [[PUBLIC]]);
    expect(await write('https://inside.example/')).toBe(NOT_PUBLIC);
    expect(await write('https://mixed.example/')).toBe(NOT_PUBLIC);
    expect(await write('https://six.example/')).toBe(NOT_PUBLIC);
    expect(await write('https://outside.example/')).toBe('taken');
  });
});

describe('an endpoint is refused when it is delivered to', () => {
  it('a name that leads inside since it was written', async () => {
    names.set('moves.example', [[PUBLIC], ['127.0.0.1']]);
    expect(await write(`https://moves.example:${receiver.port}/`)).toBe('taken');
    expect(await emitAndDeliver()).toBe('moves.example leads to no public address.');
  });

  it('a name that is asked once a delivery, whatever it would say the next time', async () => {
    names.set('rebinds.example', [[PUBLIC], ['127.0.0.7'], ['127.0.0.1']]);
    expect(await write(`https://rebinds.example:${receiver.port}/`)).toBe('taken');
    dns.asked.length = 0;
    // It got as far as the open address, where nobody speaks TLS.
    expect(await emitAndDeliver()).toMatch(/^The connection failed: /);
    expect(dns.asked.filter((question) => question.endsWith(' A'))).toHaveLength(1);
  });

  it('an address in a row that was written by other rules', async () => {
    expect(await write(receiver.url)).toBe('taken');
    for (const url of ['http://127.0.0.1:1/', 'https://[::ffff:127.0.0.1]:1/', 'gopher://x/']) {
      await ground.database.database
        .updateTable('webhook_endpoints')
        .set({ url })
        .where('org_id', '=', org)
        .execute();
      expect(await emitAndDeliver()).toMatch(/must begin with https|leads to no public address/);
    }
    expect(receiver.received).toEqual([]);
  });

  it('a redirect is no way on', async () => {
    const inside = await startReceiver('127.0.0.1');
    receiver.answer = () => ({ status: 307, headers: { location: inside.url } });
    expect(await write(receiver.url)).toBe('taken');
    expect(await emitAndDeliver()).toBe('The endpoint answered 307.');
    expect([receiver.received.length, inside.received.length]).toEqual([1, 0]);
    await inside.close();
  });

  it('an endless answer is not read', async () => {
    receiver.answer = () => ({ status: 200, body: '\0'.repeat(5_000_000) });
    expect(await write(receiver.url)).toBe('taken');
    expect(await emitAndDeliver()).toBeNull();
  });
});
