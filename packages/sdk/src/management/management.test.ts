import { describe, expect, test } from 'vitest';
import { json, problem, type Seen, scriptedServer } from '../../test/scripted-server.ts';
import { Karta } from '../karta.ts';

function client(controlUrl: string, org?: string): Karta {
  // No request of these may reach a data plane.
  const baseUrl = 'http://127.0.0.1:9';
  return new Karta({ apiKey: 'k', baseUrl, controlUrl, org, backoff: { firstMs: 1, maxMs: 2 } });
}

function said({ method, url, body }: Seen): string {
  return `${method} ${url.pathname}${url.search} ${body}`.trim();
}

test('the org that is managed is named on each request of the control plane', async () => {
  await using server = await scriptedServer((_, response) =>
    json(response, 200, { orgs: [], next_cursor: null }),
  );
  for await (const _ of client(server.url, 'acme').orgs.list());
  expect(server.seen[0]?.headers).toMatchObject({
    'karta-org': 'acme',
    authorization: 'Bearer k',
  });
});

test('every list is read through all its pages', async () => {
  await using server = await scriptedServer(({ url }, response) => {
    const name = url.pathname.split('/').at(-1) ?? '';
    const things = name === 'audit' ? 'events' : name === 'env' ? 'values' : name;
    const second = url.searchParams.get('cursor') === 'c';
    json(response, 200, { [things]: [second ? 2 : 1], next_cursor: second ? null : 'c' });
  });
  const karta = client(server.url);
  const lists = [
    karta.orgs.list(),
    karta.members.list(),
    karta.members.invitations(),
    karta.keys.list(),
    karta.projects.list(),
    karta.releases.list('bot'),
    karta.releases.activations('bot'),
    karta.releases.previews('bot'),
    karta.builds.list('bot'),
    karta.env.list('bot'),
    karta.webhooks.list(),
    karta.webhooks.deliveries('wh_1'),
    karta.audit.list(),
    karta.billing.invoices(),
    karta.audit.heads(),
  ];
  for (const list of lists) {
    const items: unknown[] = [];
    for await (const item of list as AsyncIterable<unknown>) items.push(item);
    expect(items).toEqual([1, 2]);
  }
});

test('money is asked for on the control plane', async () => {
  await using server = await scriptedServer((_, response) => json(response, 200, {}));
  const karta = client(server.url);
  await karta.prices.list({ provider: 'anthropic', model: 'claude-opus-5-5' });
  await karta.billing.get();
  await karta.billing.invoice('in/1');
  await karta.billing.checkout({ return_url: 'https://a.test/' });
  await karta.billing.portal();
  expect(server.seen.map(said)).toEqual([
    'GET /v1/prices?provider=anthropic&model=claude-opus-5-5',
    'GET /v1/billing',
    'GET /v1/billing/invoices/in%2F1',
    'POST /v1/billing/checkout {"return_url":"https://a.test/"}',
    'POST /v1/billing/portal {}',
  ]);
});

test('budgets are on the control plane', async () => {
  await using server = await scriptedServer((_, response) => json(response, 200, {}));
  const { budgets } = client(server.url);
  await budgets.create({ scope: 'org', metric: 'input_tokens', limit: 5, window: 'day' });
  await budgets.update('bud/1', { limit: { amount: '7', unit: 'picousd' } });
  await budgets.usage('bud_1', { scope_id: 'ann smith', limit: 2 });
  await budgets.setSettings({ unknown_model: 'count' });
  await budgets.delete('bud_1');
  expect(server.seen.map(said)).toEqual([
    'POST /v1/budgets {"scope":"org","metric":"input_tokens","limit":5,"window":"day"}',
    'PATCH /v1/budgets/bud%2F1 {"limit":{"amount":"7","unit":"picousd"}}',
    'GET /v1/budgets/bud_1/usage?scope_id=ann+smith&limit=2',
    'PATCH /v1/spend_settings {"unknown_model":"count"}',
    'DELETE /v1/budgets/bud_1',
  ]);
});

test('rate limits are on the control plane', async () => {
  await using server = await scriptedServer((_, response) => json(response, 200, {}));
  const { rateLimits } = client(server.url);
  await rateLimits.create({ scope: 'end_user', scope_id: 'ann', requests_per_minute: 5 });
  await rateLimits.update('rlm/1', { requests_per_minute: null, concurrent_turns: 2 });
  await rateLimits.get('rlm_1');
  await rateLimits.delete('rlm_1');
  expect(server.seen.map(said)).toEqual([
    'POST /v1/rate_limits {"scope":"end_user","scope_id":"ann","requests_per_minute":5}',
    'PATCH /v1/rate_limits/rlm%2F1 {"requests_per_minute":null,"concurrent_turns":2}',
    'GET /v1/rate_limits/rlm_1',
    'DELETE /v1/rate_limits/rlm_1',
  ]);
});

test('changes say what they mean, refs and ids encoded', async () => {
  await using server = await scriptedServer((_, response) => json(response, 200, {}));
  const karta = client(server.url);
  await karta.orgs.create({ slug: 'acme', name: 'Acme' });
  await karta.orgs.delete('acme');
  await karta.members.setRole('p/1', 'viewer');
  await karta.members.invite({ email: 'a@b.example', role: 'developer' });
  await karta.keys.create({ name: 'ci', scopes: ['write'] });
  await karta.releases.rollback('bot', 'v1');
  await karta.releases.rollback('bot');
  await karta.releases.diff('bot', 'v2', 'v1');
  await karta.env.set('bot', 'TOKEN', 'x', { secret: true });
  await karta.sessionTokens.mint('bot', { sub: 'u-1' });
  await karta.webhooks.redeliver('wh_1', 'd 1');
  expect(server.seen.map(said)).toEqual([
    'POST /v1/orgs {"slug":"acme","name":"Acme"}',
    'DELETE /v1/org {"confirm":"acme"}',
    'PATCH /v1/members/p%2F1 {"role":"viewer"}',
    'POST /v1/invitations {"email":"a@b.example","role":"developer"}',
    'POST /v1/keys {"name":"ci","scopes":["write"]}',
    'POST /v1/projects/bot/rollback {"to":"v1"}',
    'POST /v1/projects/bot/rollback {}',
    'GET /v1/projects/bot/releases/v2/diff?against=v1',
    'PUT /v1/projects/bot/env/TOKEN {"value":"x","secret":true}',
    'POST /v1/projects/bot/session_tokens {"sub":"u-1"}',
    'POST /v1/webhooks/wh_1/deliveries/d%201/redeliver {}',
  ]);
});

test('usage is asked for by days and groups, also as CSV', async () => {
  await using server = await scriptedServer(({ headers }, response) => {
    if (headers.accept === 'text/csv') response.end('day,calls\n');
    else json(response, 200, { rows: [{ calls: 1 }], next_cursor: null });
  });
  const { usage } = client(server.url);
  const rows = usage.rows({ from: '2026-11-01', groupBy: ['day', 'model'], project: 'bot' });
  expect((await rows.page()).items).toEqual([{ calls: 1 }]);
  expect(await usage.csv()).toBe('day,calls\n');
  expect(server.seen[0]?.url.search).toBe('?from=2026-11-01&group_by=day%2Cmodel&project=bot');
});

describe('a deploy', () => {
  const build = { id: 'bld_1', status: 'running', project_ref: 'bot' };

  test('uploads the archive, tells the log, and returns the build as it ended', async () => {
    await using server = await scriptedServer((request, response) => {
      if (request.method === 'POST') json(response, 202, build);
      else {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write('id: 1\nevent: log\ndata: {"at":"t","text":"unpacking"}\n\n');
        response.end(`event: build\ndata: ${JSON.stringify({ ...build, status: 'failed' })}\n\n`);
      }
    });
    const lines: string[] = [];
    const ended = await client(server.url).releases.deploy('bot', new Blob(['tar']), {
      preview: true,
      onLog: (line) => lines.push(line),
    });
    expect(ended.status).toBe('failed');
    expect(lines).toEqual(['unpacking']);
    expect(said(server.seen[0] as Seen)).toBe('POST /v1/projects/bot/releases?preview=true tar');
    expect(server.seen[0]?.headers['content-type']).toBe('application/x-tar');
  });

  test('follows its log through a dropped connection, each line once', async () => {
    const frame = (n: number) => `id: ${n}\nevent: log\ndata: {"at":"t","text":"line ${n}"}\n\n`;
    await using server = await scriptedServer((request, response, index) => {
      if (request.method === 'POST') {
        json(response, 202, build);
        return;
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      if (index === 1) {
        response.write(frame(1) + frame(2), () => response.destroy());
        return;
      }
      expect(request.headers['last-event-id']).toBe('2');
      response.end(`${frame(2)}${frame(3)}event: build\ndata: ${JSON.stringify(build)}\n\n`);
    });
    const lines: string[] = [];
    const archive = new Blob(['tar']);
    await client(server.url).releases.deploy('bot', archive, { onLog: (l) => lines.push(l) });
    expect(lines).toEqual(['line 1', 'line 2', 'line 3']);
  });

  test('that is refused throws what the server says', async () => {
    await using server = await scriptedServer((_, response) =>
      problem(response, 413, 'payload_too_large'),
    );
    await expect(
      client(server.url).releases.deploy('bot', new Blob(['tar'])),
    ).rejects.toMatchObject({ code: 'payload_too_large' });
  });
});
