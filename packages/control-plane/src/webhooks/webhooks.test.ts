import {
  deliveryDetail,
  deliveryList,
  newId,
  rotatedWebhook,
  type WebhookEventType,
  webhook,
  webhookBody,
  webhookDelivery,
} from '@karta/protocol';
import { Webhook as Verifier } from 'standardwebhooks';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { emitWebhook, emitWebhooks } from './emit-webhook.ts';
import { MAX_ATTEMPTS } from './retry-schedule.ts';
import { startReceiver, type WebhookReceiver } from './testing/webhook-receiver.ts';
import { startWebhooks, type WebhooksGround } from './testing/webhooks-ground.ts';

const HOUR = 60 * 60 * 1000;
const DAY = 24 * HOUR;

let ground: WebhooksGround;
let receiver: WebhookReceiver;
let org: string;

beforeAll(async () => {
  ground = await startWebhooks({ allowPrivate: ['127.0.0.1'] });
  receiver = await startReceiver();
});
afterAll(async () => {
  await receiver?.close();
  await ground?.close();
});
beforeEach(async () => {
  org = await ground.org();
  receiver.received.length = 0;
  receiver.answer = () => ({ status: 200 });
  ground.now = Date.now();
  // What other tests left to be tried again would come along on a clock that runs ahead.
  await ground.database.database.deleteFrom('webhook_endpoints').execute();
});

function emit(orgId = org, keyId = newId('key')): Promise<void> {
  const at = new Date(ground.now);
  const event = { orgId, type: 'key.revoked', data: { key_id: keyId }, at } as const;
  return ground.database.database.transaction().execute((tx) => emitWebhook(tx, event));
}

const deliver = () => ground.room.deliverer.deliverDue();

async function deliveries(id: string) {
  const answer = await ground.call(org, 'GET', `/v1/webhooks/${id}/deliveries`);
  return deliveryList.parse(await answer.json()).deliveries;
}

async function shown(id: string) {
  return webhook.parse(await (await ground.call(org, 'GET', `/v1/webhooks/${id}`)).json());
}

async function auditActions(): Promise<string[]> {
  const rows = await ground.database.database
    .selectFrom('audit_events')
    .select(['action', 'details'])
    .where('org_id', '=', org)
    .orderBy('seq')
    .execute();
  expect(JSON.stringify(rows)).not.toContain('whsec_');
  return rows.map(({ action }) => action);
}

describe('a webhook', () => {
  it('is delivered once to each endpoint that wants it, signed as the standard says', async () => {
    const all = await ground.create(org, { url: receiver.url });
    const keys = await ground.create(org, {
      url: `${receiver.url}?keys`,
      event_types: ['key.revoked'],
    });
    await ground.create(org, { url: `${receiver.url}?other`, event_types: ['session.ended'] });
    await ground.create(await ground.org(), { url: `${receiver.url}?foreign` });
    const keyId = newId('key');
    await emit(org, keyId);
    await deliver();
    expect(receiver.received.map(({ path }) => path).sort()).toEqual(['/hook', '/hook?keys']);
    for (const { headers, body, path } of receiver.received) {
      const { secret } = path === '/hook' ? all : keys;
      const told = new Verifier(secret).verify(body, headers as Record<string, string>);
      expect(webhookBody('key.revoked').parse(told)).toMatchObject({
        id: headers['webhook-id'],
        org_id: org,
        data: { key_id: keyId },
      });
      expect(() =>
        new Verifier(secret).verify(`${body} `, headers as Record<string, string>),
      ).toThrow();
    }
    expect(await deliveries(all.id)).toMatchObject([
      { status: 'delivered', attempts: 1, response_status: 200, event_type: 'key.revoked' },
    ]);
    expect(await auditActions()).toEqual(Array.from({ length: 3 }, () => 'webhooks.create'));
  });

  it('is not sent when its change is rolled back, and once when it is told twice', async () => {
    const made = await ground.create(org, { url: receiver.url });
    const event = { orgId: org, type: 'key.revoked', data: { key_id: 'key_1' } } as const;
    const failing = ground.database.database.transaction().execute(async (tx) => {
      await emitWebhook(tx, event);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    const twice = { ...event, id: newId('event') };
    for (let round = 0; round < 2; round += 1) {
      await ground.database.database
        .transaction()
        .execute((tx) => emitWebhooks(tx, [twice, twice]));
    }
    expect(await deliveries(made.id)).toHaveLength(1);
  });

  it('is tried again for days, further and further apart, then given up', async () => {
    const made = await ground.create(org, { url: receiver.url });
    receiver.answer = () => ({ status: 500, body: 'x'.repeat(10_000) });
    const begun = ground.now;
    await emit();
    const waits: number[] = [];
    for (;;) {
      await deliver();
      const [delivery] = await deliveries(made.id);
      if (delivery?.status !== 'pending') break;
      const next = Date.parse(delivery.next_attempt_at ?? '');
      waits.push(next - ground.now);
      ground.now = next;
    }
    expect(receiver.received).toHaveLength(MAX_ATTEMPTS);
    expect(ground.now - begun).toBeGreaterThan(2 * DAY);
    expect(ground.now - begun).toBeLessThan(4 * DAY);
    for (const [index, wait] of waits.slice(1).entries()) {
      expect(wait).toBeGreaterThan((waits[index] ?? 0) * 0.7);
    }
    const ids = new Set(receiver.received.map(({ headers }) => headers['webhook-id']));
    expect(ids.size).toBe(1);
    const [delivery] = await deliveries(made.id);
    const path = `/v1/webhooks/${made.id}/deliveries/${delivery?.id}`;
    const detail = deliveryDetail.parse(await (await ground.call(org, 'GET', path)).json());
    expect(detail).toMatchObject({ status: 'failed', error: 'The endpoint answered 500.' });
    expect(detail.payload).toBe(receiver.received[0]?.body);
    expect(detail.tries).toHaveLength(MAX_ATTEMPTS);
    expect(detail.tries[0]?.response_body).toHaveLength(4096);
    expect((await shown(made.id)).failing_since).not.toBeNull();

    receiver.answer = () => ({ status: 204 });
    const again = await ground.call(org, 'POST', `${path}/redeliver`);
    expect([again.status, webhookDelivery.parse(await again.json()).status]).toEqual([
      202,
      'pending',
    ]);
    ground.now = Date.now() + 5 * DAY;
    await deliver();
    expect(receiver.received.at(-1)?.headers['webhook-id']).toBe([...ids][0]);
    expect(await shown(made.id)).toMatchObject({ failing_since: null, enabled: true });
  });

  it('is switched off after days of failures, which the audit log and a notice tell', async () => {
    const made = await ground.create(org, { url: receiver.url });
    receiver.answer = () => 'hang';
    await emit();
    await deliver();
    expect((await deliveries(made.id))[0]?.error).toBe('No answer within 500 ms.');
    ground.now += 4 * DAY;
    await emit();
    await deliver();
    expect((await shown(made.id)).enabled).toBe(true);
    ground.now += 1.1 * DAY;
    await deliver();
    expect(await shown(made.id)).toMatchObject({
      enabled: false,
      notice: 'Switched off: no delivery has succeeded for 5 days.',
    });
    expect(await auditActions()).toEqual(['webhooks.create', 'webhooks.disable']);
    expect((await deliveries(made.id)).map(({ status }) => status)).toEqual([
      'cancelled',
      'cancelled',
    ]);
    await emit();
    expect(await deliveries(made.id)).toHaveLength(2);
    const test = await ground.call(org, 'POST', `/v1/webhooks/${made.id}/test`);
    expect(test.status).toBe(409);
    const on = await ground.call(org, 'PATCH', `/v1/webhooks/${made.id}`, { enabled: true });
    expect(await on.json()).toMatchObject({ enabled: true, notice: null, failing_since: null });
  });

  it('is switched off at once by 410 Gone', async () => {
    const made = await ground.create(org, { url: receiver.url });
    receiver.answer = () => ({ status: 410 });
    await emit();
    await deliver();
    expect(await shown(made.id)).toMatchObject({ enabled: false });
  });

  it('keeps an order when asked to: a failure holds back what follows', async () => {
    const made = await ground.create(org, { url: receiver.url, ordered: true });
    const keys = Array.from({ length: 6 }, () => newId('key'));
    for (const key of keys) await emit(org, key);
    let failures = 2;
    receiver.answer = () => ({ status: failures-- > 0 ? 503 : 200 });
    for (let round = 0; round < 3; round += 1) {
      await deliver();
      ground.now += 10 * 60 * 1000;
    }
    const order = receiver.received.map(({ body }) => JSON.parse(body).data.key_id);
    expect(order).toEqual([keys[0], keys[0], ...keys]);
    expect((await deliveries(made.id)).every(({ status }) => status === 'delivered')).toBe(true);
  });

  it('goes on as soon as there is room, also where an order is kept', async () => {
    await ground.create(org, { url: receiver.url, ordered: true });
    const keys = Array.from({ length: 40 }, () => newId('key'));
    for (const key of keys) await emit(org, key);
    ground.room.deliverer.start();
    // One a look would take twenty seconds.
    await expect.poll(() => receiver.received.length, { timeout: 15_000 }).toBe(keys.length);
    await ground.room.deliverer.stop();
    const order = receiver.received.map(({ body }) => JSON.parse(body).data.key_id);
    expect(order).toEqual(keys);
  });

  it('leaves room for others when one endpoint is slow', async () => {
    await ground.create(org, { url: `${receiver.url}?slow` });
    const other = await ground.org();
    const quick = await ground.create(other, { url: `${receiver.url}?quick` });
    receiver.answer = (path) => (path.endsWith('slow') ? 'hang' : { status: 200 });
    for (let count = 0; count < 60; count += 1) await emit();
    await emit(other);
    ground.room.deliverer.start();
    const isDelivered = async () => {
      const path = `/v1/webhooks/${quick.id}/deliveries`;
      const answer = await ground.call(other, 'GET', path);
      return deliveryList.parse(await answer.json()).deliveries[0]?.status;
    };
    await expect.poll(isDelivered, { timeout: 10_000 }).toBe('delivered');
    const slow = receiver.received.filter(({ path }) => path.endsWith('slow'));
    expect(slow.length).toBeLessThan(30);
    await ground.room.deliverer.stop();
  });

  it('is signed by both secrets for a day after a rotation', async () => {
    const made = await ground.create(org, { url: receiver.url });
    const answer = await ground.call(org, 'POST', `/v1/webhooks/${made.id}/rotate`);
    const { secret } = rotatedWebhook.parse(await answer.json());
    const accepted = async () => {
      await emit();
      await deliver();
      const last = receiver.received.at(-1);
      return [made.secret, secret].map((one) => {
        try {
          // The library refuses timestamps that are far from its own clock.
          const headers = last?.headers as Record<string, string>;
          const at = Number(headers['webhook-timestamp']) * 1000;
          const verifier = new Verifier(one);
          const signature = verifier.sign(
            headers['webhook-id'] ?? '',
            new Date(at),
            last?.body ?? '',
          );
          return (headers['webhook-signature'] ?? '').split(' ').includes(signature);
        } catch {
          return false;
        }
      });
    };
    expect(await accepted()).toEqual([true, true]);
    ground.now += 25 * HOUR;
    expect(await accepted()).toEqual([false, true]);
  });

  it('sends a test event to one endpoint on demand', async () => {
    const made = await ground.create(org, { url: receiver.url, event_types: ['member.joined'] });
    await ground.create(org, { url: `${receiver.url}?other` });
    const answer = await ground.call(org, 'POST', `/v1/webhooks/${made.id}/test`);
    expect(answer.status).toBe(202);
    await deliver();
    expect(receiver.received).toHaveLength(1);
    const told = JSON.parse(receiver.received[0]?.body ?? '');
    expect(webhookBody('webhook.test').parse(told).data).toEqual({ endpoint_id: made.id });
  });

  it('forgets what is old and done', async () => {
    const made = await ground.create(org, { url: receiver.url });
    await emit();
    await deliver();
    ground.now += 31 * DAY;
    await ground.room.deliverer.forgetOld();
    expect(await deliveries(made.id)).toEqual([]);
  });
});

describe('the webhooks of an org', () => {
  it("are nobody else's: every route is 404 for them as for what does not exist", async () => {
    const made = await ground.create(org, { url: receiver.url });
    await emit();
    const [delivery] = await deliveries(made.id);
    const other = await ground.org();
    for (const id of [made.id, newId('webhook'), 'nonsense']) {
      for (const [method, path, body] of [
        ['GET', ''],
        ['PATCH', '', { enabled: false }],
        ['DELETE', ''],
        ['POST', '/rotate'],
        ['POST', '/test'],
        ['GET', '/deliveries'],
        ['GET', `/deliveries/${delivery?.id}`],
        ['POST', `/deliveries/${delivery?.id}/redeliver`],
      ] as const) {
        const answer = await ground.call(other, method, `/v1/webhooks/${id}${path}`, body);
        expect([method, path, answer.status]).toEqual([method, path, 404]);
      }
    }
    expect((await shown(made.id)).enabled).toBe(true);
    const list = await (await ground.call(other, 'GET', '/v1/webhooks')).json();
    expect(list).toEqual({ webhooks: [], next_cursor: null });
  });

  it('are listed in pages, without their secrets', async () => {
    const made: string[] = [];
    for (let count = 0; count < 3; count += 1) {
      made.push((await ground.create(org, { url: receiver.url })).id);
      ground.now += 1;
    }
    const first = await (await ground.call(org, 'GET', '/v1/webhooks?limit=2')).json();
    const path = `/v1/webhooks?limit=2&cursor=${first.next_cursor}`;
    const second = await (await ground.call(org, 'GET', path)).json();
    const ids = [...first.webhooks, ...second.webhooks].map(({ id }: { id: string }) => id);
    expect(ids).toEqual(made.reverse());
    expect(second.next_cursor).toBeNull();
    expect(JSON.stringify([first, second])).not.toContain('secret');
  });

  it('have a secret that is shown once and kept sealed', async () => {
    const key = { 'idempotency-key': newId('request') };
    const body = { url: receiver.url };
    const first = await ground.call(org, 'POST', '/v1/webhooks', body, key);
    const { id, secret } = await first.json();
    const again = await ground.call(org, 'POST', '/v1/webhooks', body, key);
    expect([again.status, await again.json()]).toEqual([
      409,
      expect.objectContaining({ error: 'already_created', id }),
    ]);
    const row = await ground.database.database
      .selectFrom('webhook_endpoints')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirstOrThrow();
    expect(JSON.stringify(row)).not.toContain(secret.slice(6));
  });

  it('refuses what is no webhook', async () => {
    for (const body of [
      {},
      { url: 'nonsense' },
      { url: receiver.url, event_types: [] },
      { url: receiver.url, event_types: ['key.lost'] },
      { url: receiver.url, event_types: ['webhook.test'] },
      { url: receiver.url, event_types: ['key.created', 'key.created'] },
      { url: receiver.url, secret: 'mine' },
    ]) {
      expect((await ground.call(org, 'POST', '/v1/webhooks', body)).status).toBe(422);
    }
  });

  it('are described with their schemas in the OpenAPI document', async () => {
    const document = await (await fetch(`${ground.url}/openapi.json`)).json();
    const types = Object.keys(document.webhooks) as WebhookEventType[];
    expect(types).toContain('turn.completed');
    for (const type of types) {
      expect(
        document.webhooks[type].post.requestBody.content['application/json'].schema,
      ).toBeTruthy();
    }
  });
});
