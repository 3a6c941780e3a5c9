import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NO_PAYER } from '@karta/protocol';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openTestChannel, scripted, type TestChannel } from '../testing/open-channel.ts';
import { type PaperPlane, paperOrg, startPaperPlane } from '../testing/paper-plane.ts';
import { type PlainServer, servePlain } from '../testing/plain-server.ts';
import { type StartedDoors, startDoors } from '../testing/start-doors.ts';

const PLATFORM = 'sk-platform-0123456789abcdef';
const OWN = 'sk-own-of-org-1-fedcba9876543210';
const REVOKED = 'sk-revoked-of-org-1-0000000000';
const GOOD = [PLATFORM, OWN];

let provider: PlainServer;
let plane: PaperPlane;
let doors: StartedDoors;
let channel: TestChannel;
let turns = 0;

beforeAll(async () => {
  provider = await servePlain({
    before(request, response) {
      if (request.url?.endsWith('/nowhere/models')) return false;
      const { 'x-api-key': key, authorization } = request.headers;
      const given = key ?? authorization?.replace('Bearer ', '') ?? '';
      if (GOOD.includes(String(given))) return false;
      const error = { type: 'authentication_error', message: `bad key ${given}` };
      response.writeHead(401, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ type: 'error', error }));
      return true;
    },
  });
  plane = await startPaperPlane();
  doors = await startDoors({
    control: plane.control,
    own_keys: { allow_private: ['127.0.0.1'] },
    upstreams: [
      { id: 'anthropic', base_url: `${provider.origin}/anthropic`, api_key: PLATFORM },
      { id: 'openai', base_url: `${provider.origin}/openai/v1`, api_key: PLATFORM },
    ],
  });
  channel = await openTestChannel(doors);
});
afterAll(async () => {
  await channel?.close();
  await doors?.stop();
  await plane?.close();
  await provider?.close();
});
beforeEach(async () => {
  plane.away = false;
  plane.orgs.clear();
  provider.requests.length = 0;
  await forget();
  plane.asked.length = 0;
});

const key = (api_key: string, name = 'anthropic', more: Record<string, string> = {}) => ({
  id: `pkey_of_${name}`,
  provider: name,
  secret: { api_key, ...more },
});
const forget = () => doors.management.send('POST', '/invalidate', { org_ids: ['org_1'] });
const nextTurn = async (org_grant: string | null = 'grant of org_1') => {
  turns += 1;
  const id = `turn_${turns}`;
  await doors.management.openTurn(channel.id, id, { org_grant, payer: NO_PAYER });
  return id;
};
const ask = () =>
  channel.anthropic.messages.create({
    model: 'm',
    max_tokens: 100,
    messages: [{ role: 'user', content: 'hello' }],
  });
const askOpenAi = () =>
  channel.openai.chat.completions.create({
    model: 'm',
    messages: [{ role: 'user', content: 'hello' }],
  });
/** The keys that the provider was sent, oldest first. */
const sent = () =>
  provider.requests.map(
    ({ headers }) => headers['x-api-key'] ?? headers.authorization?.replace('Bearer ', ''),
  );
async function lastRecord() {
  const records = await doors.management.usage();
  return records.at(-1);
}

describe('a call of an org', () => {
  it('goes out under its own key, which pays for it', async () => {
    plane.orgs.set('org_1', paperOrg([key(OWN)]));
    const turn = await nextTurn();
    await ask();
    await ask();
    expect(sent()).toEqual([OWN, OWN]);
    expect(plane.asked).toEqual(['org_1 anthropic']);
    expect(await doors.management.closeTurn(channel.id, turn)).toMatchObject({
      calls: 2,
      refusal: null,
    });
    expect(await lastRecord()).toMatchObject({
      provider: 'anthropic',
      paid_by: 'byok',
      spend: { own_key_id: 'pkey_of_anthropic' },
    });
  });

  it('goes out under the platform’s key where the org has none of that family', async () => {
    plane.orgs.set('org_1', paperOrg([key(OWN)]));
    await nextTurn();
    await askOpenAi();
    expect(sent()).toEqual([PLATFORM]);
    expect(await lastRecord()).toMatchObject({
      provider: 'openai',
      paid_by: 'platform',
      spend: { own_key_id: null },
    });
  });

  it('goes out under the new key from the push on', async () => {
    plane.orgs.set('org_1', paperOrg([key(REVOKED)]));
    await nextTurn();
    await expect(ask()).rejects.toMatchObject({ status: 401 });
    plane.orgs.set('org_1', paperOrg([key(OWN)]));
    await forget();
    await ask();
    expect(sent()).toEqual([REVOKED, OWN]);
  });

  it('under a refused key is told as such, and never tried under the platform’s', async () => {
    plane.orgs.set('org_1', paperOrg([key(REVOKED)]));
    const turn = await nextTurn();
    const refused = await ask().catch((error) => error);
    expect(refused).toMatchObject({ status: 401 });
    expect(String(refused.message)).toContain("refused the org's own key");
    expect(refused.headers.get('x-should-retry')).toBe('false');
    expect(sent()).toEqual([REVOKED]);
    const closed = await doors.management.closeTurn(channel.id, turn);
    expect(closed).toMatchObject({
      usage: { total_tokens: 0 },
      refusal: { code: 'byok_key_rejected', provider: 'anthropic' },
    });
    expect(JSON.stringify(closed) + refused.message).not.toContain(REVOKED);
  });

  it('ends under the key that it began with, destroyed or not; the next of the turn does without', async () => {
    plane.orgs.set('org_1', paperOrg([key(OWN)]));
    const turn = await nextTurn();
    const held = channel.anthropic.messages.stream({
      ...{ model: 'm', max_tokens: 100 },
      messages: [{ role: 'user', content: scripted({ text: 'a', hang: true }) }],
    });
    held.done().catch(() => {});
    await new Promise<void>((resolve) => held.on('text', () => resolve()));
    plane.orgs.set('org_1', paperOrg([]));
    await forget();
    await ask();
    expect(sent()).toEqual([OWN, PLATFORM]);
    const seen = (await doors.management.usage()).length;
    held.abort();
    await expect.poll(async () => (await doors.management.usage()).length).toBe(seen + 1);
    const records = (await doors.management.usage()).filter(({ turn_id }) => turn_id === turn);
    expect(records.map(({ paid_by }) => paid_by).sort()).toEqual(['byok', 'platform']);
    expect(records.find(({ paid_by }) => paid_by === 'byok')).toMatchObject({
      ...{ estimated: true, spend: { own_key_id: 'pkey_of_anthropic' } },
    });
  });

  it('goes on under the platform’s key where the org allows it', async () => {
    plane.orgs.set('org_1', paperOrg([key(REVOKED)], { platform_fallback: true }));
    const turn = await nextTurn();
    await ask();
    expect(sent()).toEqual([REVOKED, PLATFORM]);
    const closed = await doors.management.closeTurn(channel.id, turn);
    expect(closed.refusal).toBeNull();
    expect(await lastRecord()).toMatchObject({ paid_by: 'platform' });
  });

  it('is not sent while nobody can say whether the org has a key', async () => {
    plane.orgs.set('org_1', paperOrg([key(OWN)]));
    plane.away = true;
    const turn = await nextTurn();
    await expect(ask()).rejects.toMatchObject({ status: 529 });
    expect(sent()).toEqual([]);
    const { refusal } = await doors.management.closeTurn(channel.id, turn);
    expect(refusal).toMatchObject({ code: 'control_unavailable' });
    plane.away = false;
    await nextTurn('grant of org_2');
    await expect(ask()).rejects.toMatchObject({ status: 529 });
    expect(sent()).toEqual([]);
  });

  it('of a test session meets neither keys nor providers', async () => {
    plane.orgs.set('org_1', paperOrg([key(OWN)]));
    const demo = await openTestChannel(doors, 'live', true);
    await doors.management.openTurn(demo.id, 'turn_demo', { org_grant: 'grant of org_1' });
    await demo.anthropic.messages.create({
      model: 'm',
      max_tokens: 100,
      messages: [{ role: 'user', content: 'hello' }],
    });
    await demo.close();
    expect([sent(), plane.asked]).toEqual([[], []]);
  });
});

describe('a compatible server', () => {
  const compatible = (base_url: string) => paperOrg([key(OWN, 'openai-compatible', { base_url })]);

  it('is called at its own address', async () => {
    plane.orgs.set('org_1', compatible(`${provider.origin}/openai/v1`));
    await nextTurn();
    await askOpenAi();
    expect(sent()).toEqual([OWN]);
    expect(await lastRecord()).toMatchObject({ provider: 'openai-compatible', paid_by: 'byok' });
  });

  it.each([
    ['another address of this machine', 'http://127.0.0.2'],
    ['the metadata of a cloud', 'http://169.254.169.254'],
    ['a number that is an address', 'http://2130706434'],
  ])('is not connected to at %s', async (_what, origin) => {
    const port = new URL(provider.origin).port;
    plane.orgs.set('org_1', compatible(`${origin}:${port}/openai/v1`));
    await nextTurn();
    const failed = await askOpenAi().catch((error) => error);
    expect(failed).toMatchObject({ status: 502 });
    expect(sent()).toEqual([]);
  });
});

describe('a test of a key', () => {
  const tried = async (name: string, org = 'org_1') => {
    const body = { org_id: org, provider: name, org_grant: `grant of ${org}` };
    return doors.management.send('POST', '/keys/test', body);
  };

  it('asks the provider under the key as it is stored now', async () => {
    plane.orgs.set('org_1', paperOrg([key(REVOKED)]));
    expect(await tried('anthropic')).toEqual({
      status: 200,
      body: { ok: false, status: 401, message: 'anthropic refused the key.' },
    });
    plane.orgs.set('org_1', paperOrg([key(OWN)]));
    expect((await tried('anthropic')).body).toMatchObject({ ok: true, status: 200 });
    expect(sent()).toEqual([REVOKED, OWN]);
  });

  it('tells what else can be: nobody there, a provider not spoken to, no key', async () => {
    const closed = key(OWN, 'openai-compatible', { base_url: 'http://127.0.0.1:9/v1' });
    plane.orgs.set('org_1', paperOrg([closed, key(OWN, 'acme')]));
    expect((await tried('openai-compatible')).body).toMatchObject({ ok: false, status: null });
    expect((await tried('acme')).body).toMatchObject({ ok: false, status: null });
    expect((await tried('anthropic')).status).toBe(404);
    expect((await tried('anthropic', 'org_2')).status).toBe(404);
    plane.away = true;
    expect((await tried('openai-compatible')).status).toBe(503);
  });
});

it('nothing of a key is in the log, the journal, the metrics or the process’s own papers', async () => {
  plane.orgs.set('org_1', paperOrg([key(REVOKED)]));
  const turn = await nextTurn();
  await ask().catch(() => {});
  plane.orgs.set('org_1', paperOrg([key(OWN)]));
  await forget();
  await ask();
  await doors.management.closeTurn(channel.id, turn);
  const papers = `/proc/${doors.process.pid}`;
  const journal = await filesOf(join(doors.runtimeDir, 'journal'));
  const seen = {
    log: doors.log(),
    journal,
    metrics: await (await fetch(`http://127.0.0.1:${doors.metricsPort}/metrics`)).text(),
    environ: await readFile(`${papers}/environ`, 'latin1'),
    cmdline: await readFile(`${papers}/cmdline`, 'latin1'),
    usage: JSON.stringify(await doors.management.usage()),
  };
  // What may be there is found where it is, so a key would be; and the provider did get the keys.
  expect(seen.log).toContain('pkey_of_anthropic');
  expect(journal).toContain('pkey_of_anthropic');
  expect(seen.cmdline).toContain('main.ts');
  expect(sent()).toEqual([REVOKED, OWN]);
  for (const secret of [OWN, REVOKED, PLATFORM]) {
    for (const [where, text] of Object.entries(seen)) {
      expect({ where, found: text.includes(secret) }).toEqual({ where, found: false });
    }
  }
});

async function filesOf(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const texts = await Promise.all(
    files.map(({ parentPath, name }) => readFile(join(parentPath, name), 'latin1')),
  );
  return texts.join('\n');
}
