import fc from 'fast-check';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Answer, SignedIn } from '../identity/testing/identity-ground.ts';
import { type PlaneGround, startPlane } from './testing/plane-ground.ts';

let plane: PlaneGround;
beforeAll(async () => {
  plane = await startPlane();
});
afterAll(() => plane?.close());

/** What an answer shows once, or a body carries in: wherever else it stands, it has leaked. */
const SECRET_FIELDS = /^(token|secret|api_key|link|visitor_secret|password|value)$/;

/** Routes that change something and are not tried here, with the reason. */
const ELSEWHERE = new Set([
  // They need a node that builds.
  'publish',
  'gitPush',
  'activateRelease',
  'rollback',
  'revokeRelease',
  'createPreview',
  // Asks a provider, by way of a data plane.
  'testProviderKey',
  // They need Stripe.
  'createCheckout',
  'createPortal',
  'takeStripeEvent',
  // Deliveries exist once something was sent.
  'redeliverWebhook',
  // They take what others have made away again, and are tried in their own rooms.
  'deleteOrg',
  'leaveOrg',
  'removeMember',
  'revokeInvitation',
  'deleteProject',
]);

it('writes no secret into the audit log, the queue of webhooks or its own log', async () => {
  const done = new Set<string>();
  await fc.assert(
    fc.asyncProperty(
      fc.string({ minLength: 16, maxLength: 40, unit: fc.constantFrom(...'abcXYZ019_-') }),
      async (planted) => {
        const secrets = await everyChange(`planted-${planted}`, done);
        expect(secrets.size).toBeGreaterThan(8);
        const kept = await everythingTold();
        // What may be told is found, so a secret would be.
        expect(kept.includes('Another name')).toBe(true);
        for (const secret of secrets) {
          // Not the values themselves: a failure must not print what it is about.
          expect(kept.includes(secret), secret.slice(0, 4)).toBe(false);
        }
      },
    ),
    { numRuns: 3, endOnFailure: true },
  );
  const changing = plane.routes.filter(({ operation }) => operation.method !== 'get');
  const untried = changing
    .map(({ operation }) => operation.id)
    .filter((id) => !done.has(id) && !ELSEWHERE.has(id));
  expect(untried).toEqual([]);
});

async function everythingTold(): Promise<string> {
  const { database } = plane.database;
  const parts = await Promise.all([
    sql`select * from audit_events`.execute(database),
    sql`select * from webhook_events`.execute(database),
  ]);
  return JSON.stringify(parts.map(({ rows }) => rows)) + plane.log.join('\n');
}

/** Does everything that changes something, with `planted` wherever a secret may stand. */
async function everyChange(planted: string, done: Set<string>): Promise<Set<string>> {
  const secrets = new Set([planted]);
  const owner = await plane.signUp();
  secrets.add(owner.token);

  async function change(
    id: string,
    params: string[],
    body?: unknown,
    { by = owner, origin }: { by?: SignedIn; origin?: string } = {},
  ) {
    const route = plane.routes.find(({ operation }) => operation.id === id);
    if (!route) throw new Error(`no route ${id}`);
    const path = params.reduce(
      (left, param) => left.replace(/\{\w+\}/, encodeURIComponent(param)),
      route.operation.path,
    );
    const method = route.operation.method.toUpperCase();
    const answer: Answer = await plane.call(method, path, {
      token: by.token,
      body,
      ...(origin === undefined ? {} : { headers: { origin } }),
    });
    expect({ id, status: answer.status, body: answer.status < 300 || answer.body }).toEqual({
      id,
      status: expect.toSatisfy((status: number) => status < 300),
      body: true,
    });
    done.add(id);
    collect(answer.body, secrets);
    return answer.body;
  }

  const slug = `o-${planted.length}-${secrets.size}-${Math.random().toString(36).slice(2, 10)}`;
  await change('createOrg', [], { slug, name: 'An org' });
  await change('updateOrg', [], { name: 'Another name' });

  const guest = await plane.signUp();
  const invited = await change('createInvitation', [], { email: guest.email, role: 'viewer' });
  const token = String(invited.link).split('#token=')[1] ?? '';
  secrets.add(token);
  await change('inspectInvitation', [], { token });
  await change('acceptInvitation', [], { token }, { by: guest });
  await change('updateMember', [guest.id], { role: 'developer' });

  const key = await change('createKey', [], { name: 'A key', scopes: ['admin'] });
  await change('createProject', [], { ref: 'app' });
  await change('updateProject', ['app'], { allowed_origins: ['https://shop.example'] });
  await change('setEnv', ['app', 'API_TOKEN'], { value: planted, secret: true });
  await change('setEnv', ['app', 'PLAIN'], { value: `${planted}-plain`, secret: false });
  await change('unsetEnv', ['app', 'PLAIN']);
  const minted = await change('mintSessionToken', ['app'], { sub: 'somebody' });
  await change('revokeSessionToken', ['app', minted.id]);
  await change('revokeSessionTokens', ['app']);
  await change('mintStaffToken', [], { scope: 'write' });
  const embed = await change('createEmbedKey', ['app'], {
    name: 'A widget',
    allowed_origins: ['https://shop.example'],
  });
  await change(
    'mintEmbedToken',
    [],
    { embed_key: embed.embed_key },
    {
      origin: 'https://shop.example',
    },
  );
  await change('revokeEmbedKey', ['app', embed.id]);
  const provided = await change('setProviderKey', [], {
    provider: 'anthropic',
    secret: { api_key: planted },
  });
  await change('updateProviderKeySettings', [], { platform_fallback: true });
  await change('destroyProviderKey', [provided.id]);
  const budget = await change('createBudget', [], {
    ...{ scope: 'org', metric: 'total_tokens', limit: 1, window: 'day' },
  });
  await change('updateBudget', [budget.id], { limit: 2 });
  await change('deleteBudget', [budget.id]);
  await change('updateSpendSettings', [], { unknown_model: 'count' });
  const limit = await change('createRateLimit', [], { scope: 'org', requests_per_minute: 1 });
  await change('updateRateLimit', [limit.id], { requests_per_minute: 2 });
  await change('deleteRateLimit', [limit.id]);
  const url = `http://127.0.0.1:9/hook?key=${planted}`;
  const hook = await change('createWebhook', [], { url });
  await change('updateWebhook', [hook.id], { url: `${url}-too` });
  await change('rotateWebhookSecret', [hook.id], {});
  await change('testWebhook', [hook.id], {});
  await change('deleteWebhook', [hook.id]);
  await change('revokeKey', [key.id]);
  return secrets;
}

function collect(value: unknown, secrets: Set<string>): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    if (typeof inner === 'string' && SECRET_FIELDS.test(name)) secrets.add(inner);
    else collect(inner, secrets);
  }
}
