import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCommandLine } from '../../packages/cli/src/command-line.ts';
import { captured } from '../../packages/cli/test/captured-terminal.ts';
import {
  nextTotpCode,
  totpCode,
} from '../../packages/control-plane/src/identity/testing/totp-code.ts';
import { Browser } from '../../packages/control-plane/src/pages/testing/browser.ts';
import {
  startReceiver,
  type WebhookReceiver,
} from '../../packages/control-plane/src/webhooks/testing/webhook-receiver.ts';
import { cleanEnvironment, KARTA, karta } from '../e2e/karta-process.ts';
import { startTwoPlanes, type TwoPlanes } from './two-planes.ts';

const PASSWORD = 'correct horse battery';
/** What the control plane takes for its own origin when it was told none. */
const ORIGIN = 'http://localhost:0';

let planes: TwoPlanes;
let receiver: WebhookReceiver;
let work: string;
/** Of the owner of the org `cafe`, who is signed in. */
let home: string;

beforeAll(async () => {
  planes = await startTwoPlanes({ signup: 'open' });
  receiver = await startReceiver();
  work = await mkdtemp(join(tmpdir(), 'karta-cli-'));
  home = join(work, 'ada');
  await signUp(home, 'ada@cafe.example');
  await types(['orgs', 'create', 'cafe']);
});
afterAll(async () => {
  await receiver?.close();
  await planes?.stop();
  if (work !== undefined) await rm(work, { recursive: true, force: true });
});

/** Runs a command in this process; it reads nothing. */
async function run(args: readonly string[], as = home) {
  const { terminal, written } = captured();
  const code = await runCommandLine([...args, '--home', as], terminal);
  return { code, ...written };
}

/** The same; rejects unless it is done. What it printed. */
async function types(args: readonly string[], as = home): Promise<string> {
  const { code, out, err } = await run(args, as);
  if (code !== 0) throw new Error(`karta ${args.join(' ')} → ${code}: ${out}${err}`);
  return out.trim();
}

/** What a command prints for programs: a line of JSON each. */
async function json(args: readonly string[], as = home) {
  const out = await types([...args, '--json'], as);
  return out === '' ? [] : out.split('\n').map((line) => JSON.parse(line));
}

/** How a command fails. */
async function fails(args: readonly string[], as = home) {
  const { code, out } = await run([...args, '--json'], as);
  expect(code, `karta ${args.join(' ')}`).not.toBe(0);
  return { code, ...JSON.parse(out.trim().split('\n').at(-1) ?? '').error };
}

async function signUp(as: string, email: string): Promise<void> {
  const args = ['login', '--sign-up', '--email', email, '--name', 'Somebody'];
  await typed([...args, '--url', planes.control.url], `${PASSWORD}\n`, as);
}

/** As a process of its own, whose questions get these lines. */
async function typed(args: readonly string[], input: string, as: string): Promise<string> {
  await mkdir(as, { recursive: true, mode: 0o700 });
  const { code, stdout, stderr } = await karta(args, { home: as, input });
  if (code !== 0) throw new Error(`karta ${args.join(' ')} → ${code}: ${stdout}${stderr}`);
  return stdout.trim();
}

const browser = () => new Browser(planes.control.url, ORIGIN);

describe('signing in', () => {
  test('by a page: the command waits, shows a code, and has a login of its own', async () => {
    const as = join(work, 'by-browser');
    await mkdir(as, { mode: 0o700 });
    const child = spawn(
      process.execPath,
      [KARTA, 'login', '--url', planes.control.url, '--home', as],
      { env: cleanEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let told = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      told += text;
    });
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    const ended = once(child, 'close');
    const code = () => /shows the code (\w{8}):\s+http:\/\/\S+\?user_code=\1/.exec(told)?.[1];
    await expect.poll(code, { timeout: 60_000 }).toBeDefined();
    const page = browser();
    const login = await page.get(`/device?user_code=${code()}`);
    const who = { email: 'ada@cafe.example', password: PASSWORD };
    await page.send(await page.send(login, 'Sign in', who), 'Let it sign in');
    expect((await ended)[0], told).toBe(0);
    expect(out).toContain('as ada@cafe.example, org cafe');
    expect(await types(['whoami'], as)).toContain('ada@cafe.example in the org cafe');
    expect(await types(['logout'], as)).toContain('Signed out');
    expect(await fails(['whoami'], as)).toMatchObject({ exit: 'usage' });
  });

  test('by password and the code of an authenticator, or a backup code', async () => {
    const as = join(work, 'totp');
    await signUp(as, 'totp@cafe.example');
    const page = browser();
    const who = { email: 'totp@cafe.example', password: PASSWORD };
    await page.send(await page.get('/sign-in'), 'Sign in', who);
    const begin = await page.get('/second-factor');
    const scan = await page.send(begin, 'Go on', { password: PASSWORD });
    const secret = /type this in: (\S+)/.exec(scan.text)?.[1] ?? '';
    const [backup = ''] = /keep them\. (\S+)/.exec(scan.text)?.slice(1) ?? [];
    const uri = `otpauth://totp/x?secret=${secret}`;
    await page.send(scan, 'Finish', { code: totpCode(uri) });
    const login = ['login', '--url', planes.control.url, '--email', who.email];
    expect(await typed(login, `${PASSWORD}\n${nextTotpCode(uri)}\n`, as)).toContain(who.email);
    expect(await typed(login, `${PASSWORD}\n${backup}\n`, as)).toContain(who.email);
    const wrong = await karta(login, { home: as, input: `${PASSWORD}\n000000\n` });
    expect(wrong.code).toBe(3);
    const nobody = await karta(login, { home: as, input: '' });
    expect(nobody).toMatchObject({ code: 2, stderr: expect.stringContaining('Nobody answered') });
  });

  test('what cannot be is refused before anybody is asked', async () => {
    const url = ['--url', planes.control.url];
    for (const args of [
      ['login', '--key', '--email', 'a@b.example', ...url],
      ['login', '--name', 'X', ...url],
      ['login', '--invitation', 'x', '--email', 'a@b.example', ...url],
      ['login', '--url', 'nowhere'],
    ]) {
      expect(await fails(args), args.join(' ')).toMatchObject({ exit: 'usage', code: 2 });
    }
    const nowhere = ['login', '--url', 'http://127.0.0.1:9'];
    expect(await fails(nowhere)).toMatchObject({ exit: 'unreachable', code: 4 });
  });
});

describe('orgs, members and invitations', () => {
  test('are listed, changed and refused with what to do', async () => {
    const bob = join(work, 'bob');
    await signUp(bob, 'bob@cafe.example');
    const [invitation] = await json(['members', 'invite', 'bob@cafe.example', '--role', 'viewer']);
    expect(invitation).toMatchObject({ email: 'bob@cafe.example', emailed: false });
    expect(await types(['members', 'accept', invitation.link], bob)).toBe(
      'You are in cafe as viewer',
    );
    expect(await types(['orgs', 'use', 'cafe'], bob)).toContain('cafe');
    expect(await json(['members'])).toHaveLength(2);

    expect(await fails(['members', 'accept', invitation.link], bob)).toMatchObject({ code: 3 });
    expect(await fails(['members', 'invite', 'x@y.example'], bob)).toMatchObject({
      exit: 'refused',
    });
    expect(await fails(['members', 'role', 'bob@cafe.example', 'king'])).toMatchObject({
      exit: 'usage',
      next: 'Choose owner, admin, developer, billing, viewer.',
    });
    expect(await fails(['members', 'remove', 'who@cafe.example'])).toMatchObject({
      message: 'who@cafe.example is no member',
    });
    expect(await types(['members', 'role', 'bob@cafe.example', 'billing'])).toContain('is billing');
    expect(await fails(['sessions'], bob)).toMatchObject({ exit: 'refused' });

    await types(['orgs', 'create', 'bobs-own'], bob);
    expect((await json(['orgs'], bob)).map(({ slug }) => slug).sort()).toEqual([
      'bobs-own',
      'cafe',
    ]);
    expect(await fails(['orgs', 'use', 'nowhere'], bob)).toMatchObject({ exit: 'refused' });
    expect(await fails(['orgs', 'create', 'cafe'], bob)).toMatchObject({ exit: 'refused' });
    await types(['members', 'remove', 'bob@cafe.example']);
    expect(await json(['members'])).toHaveLength(1);
    expect(await fails(['members', '--org', 'cafe'], bob)).toMatchObject({ exit: 'refused' });
  });
});

test('a key is made, shown once, and refused once revoked', async () => {
  const [made] = await json(['keys', 'create', 'ci', '--scope', 'read']);
  const asKey = join(work, 'key');
  await typed(['login', '--url', planes.control.url, '--key'], `${made.api_key}\n`, asKey);
  expect(await types(['whoami'], asKey)).toContain('an API key of the org cafe');
  expect(await types(['sessions'], asKey)).toBe('');
  expect(await fails(['keys', 'create', 'x', '--scope', 'all'])).toMatchObject({ exit: 'usage' });
  expect(await types(['keys', 'revoke', made.id])).toBe(`${made.id} is refused from now on`);
  expect(await fails(['whoami'], asKey)).toMatchObject({ exit: 'refused' });
  expect(await fails(['keys', 'revoke', 'key_nope'])).toMatchObject({ exit: 'refused' });
});

test('budgets: what caps on cost do with models without a price', async () => {
  expect(await json(['budgets', 'unpriced'])).toEqual([{ unknown_model: 'refuse' }]);
  expect(await json(['budgets', 'unpriced', 'count'])).toEqual([{ unknown_model: 'count' }]);
  expect(await types(['budgets', 'unpriced'])).toContain('cost nothing');
  expect(await fails(['budgets', 'unpriced', 'maybe'])).toMatchObject({ exit: 'usage' });
  expect(await types(['budgets', 'unpriced', 'refuse'])).toContain('are refused');
});

test('budgets: set, set anew, looked at, removed', async () => {
  const set = (...args: string[]) => types(['budgets', 'set', ...args]);
  expect(await set('$12.50')).toMatch(/^bud_\w+ caps cost at \$12\.50$/);
  expect(await set('$0.0000005')).toMatch(/^bud_\w+ caps cost at \$0\.000001, it was \$12\.50$/);
  expect(await set('1_000_000', '--on', 'end_user', '--per', 'day')).toContain('total_tokens');
  const one = ['--on', 'end_user:ann:1', '--metric', 'output_tokens', '--per', 'total'];
  await set('5', ...one);
  const caps = await json(['budgets']);
  expect(caps).toMatchObject([
    { scope_id: 'ann:1', metric: 'output_tokens', limit: '5', usage: { left: '5' } },
    { scope: 'end_user', scope_id: null, limit: '1000000', window: 'day', usage: null },
    { scope: 'org', limit: { amount: '500000', unit: 'picousd' }, window: 'month' },
  ]);
  const table = await types(['budgets']);
  expect(table).toContain('each end_user');
  expect(table).toContain('end_user:ann:1');
  expect(await json(['budgets', 'usage', caps[1].id])).toEqual([]);
  for (const wrong of [
    ['-5'],
    ['five'],
    ['$5', '--metric', 'input_tokens'],
    ['5', '--metric', 'cost'],
    ['5', '--on', 'planet'],
    ['5', '--per', 'week'],
  ]) {
    expect(await fails(['budgets', 'set', ...wrong])).toMatchObject({ exit: 'usage' });
  }
  for (const { id } of caps) {
    expect(await types(['budgets', 'remove', id])).toBe(`${id} caps nothing any more`);
  }
  expect(await json(['budgets'])).toEqual([]);
});

test('limits: set, reached, set anew, removed', async () => {
  const set = (...args: string[]) => types(['limits', 'set', ...args]);
  const [{ id: keyId, api_key: key }] = await json([
    'keys',
    'create',
    'hurried',
    '--scope',
    'read',
  ]);
  const on = ['--on', `api_key:${keyId}`];
  const list = () =>
    fetch(`${planes.data.url}/v1/sessions`, { headers: { authorization: `Bearer ${key}` } });
  expect((await list()).status).toBe(200);
  expect(await set('--requests', '1', '--turns', '2', ...on)).toMatch(
    new RegExp(`^rlm_\\w+ limits api_key:${keyId} to 1 requests a minute, 2 turns at once$`),
  );
  const refused = async () => {
    const answer = await list();
    const { reason } = (await answer.json()) as { reason?: string };
    return { status: answer.status, reason, waits: Number(answer.headers.get('retry-after')) > 0 };
  };
  const tooMany = { status: 429, reason: 'requests_per_minute', waits: true };
  await expect.poll(refused).toEqual(tooMany);
  expect(await set('--requests', 'none', ...on)).toMatch(/ to 2 turns at once$/);
  expect((await list()).status).toBe(200);

  await set('--tokens', '1_000_000', '--on', 'end_user');
  const limits = await json(['limits']);
  expect(limits).toMatchObject([
    { scope: 'end_user', scope_id: null, tokens_per_minute: 1_000_000, set_by: 'org' },
    { scope: 'api_key', scope_id: keyId, requests_per_minute: null, concurrent_turns: 2 },
  ]);
  expect(await types(['limits'])).toContain('each end_user');
  for (const wrong of [
    [],
    ['--requests', '0'],
    ['--requests', '-5'],
    ['--requests', '1.5'],
    ['--tokens', '1e6'],
    ['--tokens', '2000000000'],
    ['--turns', 'many'],
    ['--turns', '5', '--on', 'session'],
  ]) {
    expect(await fails(['limits', 'set', ...wrong])).toMatchObject({ exit: 'usage' });
  }
  expect(await fails(['limits', 'set', '--turns', '5', '--on', 'api_key:no'])).toMatchObject({
    exit: 'refused',
  });
  for (const { id } of limits) {
    expect(await types(['limits', 'remove', id])).toBe(`${id} limits nothing any more`);
  }
  expect(await json(['limits'])).toEqual([]);
});

test('webhooks: made, tested, redelivered, rotated, switched, deleted', async () => {
  const create = ['webhooks', 'create', receiver.url, '--events', 'key.created,key.revoked'];
  const [hook] = await json([...create, '--description', 'For the till']);
  expect(hook.secret).toMatch(/^whsec_/);
  expect(await types(['webhooks'])).toContain(hook.id);
  await types(['webhooks', 'test', hook.id]);
  await expect.poll(() => receiver.received.length, { timeout: 60_000 }).toBeGreaterThan(0);
  const delivered = async () => json(['webhooks', 'deliveries', hook.id, '--status', 'delivered']);
  await expect.poll(async () => (await delivered()).length, { timeout: 60_000 }).toBe(1);
  const [sent] = await delivered();
  const before = receiver.received.length;
  await types(['webhooks', 'redeliver', hook.id, sent.id]);
  await expect.poll(() => receiver.received.length, { timeout: 60_000 }).toBeGreaterThan(before);

  const [rotated] = await json(['webhooks', 'rotate', hook.id]);
  expect(rotated.secret).not.toBe(hook.secret);
  expect(await types(['webhooks', 'disable', hook.id])).toContain('is disabled');
  expect(await types(['webhooks', 'enable', hook.id])).toContain('is enabled');
  expect(await types(['webhooks', 'delete', hook.id])).toContain('is deleted');
  expect(await json(['webhooks'])).toEqual([]);

  for (const args of [
    ['create', 'http://169.254.169.254/latest'],
    ['create', 'ftp://example.com'],
    ['create', receiver.url, '--events', 'no.such'],
    ['test', hook.id],
    ['redeliver', hook.id, sent.id],
    ['deliveries', hook.id],
  ]) {
    expect(await fails(['webhooks', ...args]), args.join(' ')).toMatchObject({ exit: 'refused' });
  }
});

describe('releases', () => {
  let app: string;
  const project = ['--project', 'till'];
  beforeAll(async () => {
    app = join(work, 'till');
    await mkdir(app);
    await writeFile(join(app, 'AGENTS.md'), '# Till\n\n- Tea costs 2 euro.\n');
    await types(['deploy', app]);
    await appendFile(join(app, 'AGENTS.md'), '- Cake costs 3 euro.\n');
    await writeFile(join(app, 'prices.txt'), 'tea 2\n');
    await types(['deploy', app]);
  });

  test('differ by file', async () => {
    const diff = await types(['releases', 'diff', 'v2', ...project]);
    expect(diff.split('\n').sort()).toEqual(['+ prices.txt', '~ AGENTS.md']);
    const back = await types(['releases', 'diff', 'v1', '--against', 'v2', ...project]);
    expect(back).toContain('- prices.txt');
    expect(await fails(['releases', 'diff', 'v9', ...project])).toMatchObject({ exit: 'refused' });
    expect(await fails(['releases', 'diff', 'v1'])).toMatchObject({
      exit: 'usage',
      next: expect.stringContaining('--project'),
    });
  });

  test('are listed with what is active, gone back to, and revoked for good', async () => {
    expect(await types(['rollback', ...project])).toContain('till is back on v1');
    expect(await types(['releases', 'revoke', 'v2', ...project])).toContain('is revoked');
    const active = ['releases', 'activate', 'v2', ...project];
    expect(await fails(active)).toMatchObject({ exit: 'refused' });
    expect(await fails(['rollback', '--to', 'v2', ...project])).toMatchObject({ exit: 'refused' });
    expect((await json(['releases', ...project])).map(({ version }) => version)).toEqual([
      'v2',
      'v1',
    ]);
    expect((await json(['releases', 'history', ...project])).length).toBe(3);
    const [gone] = await json(['projects', 'default', 'till']);
    expect(gone).toMatchObject({ ref: 'till' });
  });

  test('values: set, listed, unset; a secret never on the command line', async () => {
    expect(await types(['env', 'set', 'CURRENCY=euro', ...project])).toContain('is set');
    await typed(['env', 'set', 'TILL_KEY', '--secret', ...project], 'hush-hush\n', home);
    const listed = await json(['env', ...project]);
    expect(listed.map(({ name }) => name).sort()).toEqual(['CURRENCY', 'TILL_KEY']);
    expect(JSON.stringify(listed)).not.toContain('hush-hush');
    expect(await fails(['env', 'set', 'A=b', '--secret', ...project])).toMatchObject({
      exit: 'usage',
      next: expect.stringContaining('pipe'),
    });
    expect(await fails(['env', 'set', '1BAD=x', ...project])).toMatchObject({ exit: 'refused' });
    expect(await types(['env', 'unset', 'CURRENCY', ...project])).toContain('CURRENCY is unset');
    const [unset] = await json(['env', 'unset', 'TILL_KEY', ...project]);
    expect(unset).toMatchObject({ name: 'TILL_KEY', unset: true });
    expect(await json(['env', ...project])).toEqual([]);
    expect(await fails(['env', 'unset', 'NEVER', ...project])).toMatchObject({ exit: 'refused' });
  });
});

test('what talks to sessions says what it cannot be told', async () => {
  const both = ['run', 'Hello', '--folder', '.', '--project', 'till'];
  expect(await fails(both)).toMatchObject({ exit: 'usage', code: 2 });
  expect(await fails(['run', ' '])).toMatchObject({ exit: 'usage' });
  expect(await fails(['run', 'Hello', '--project', 'nowhere'])).toMatchObject({ exit: 'refused' });
  expect(await fails(['sessions', 'show', 'nonsense'])).toMatchObject({ exit: 'refused' });
  expect(await fails(['sessions', '--status', 'odd'])).toMatchObject({ exit: 'usage' });
  expect(await fails(['logs', '--limit', '0'])).toMatchObject({ exit: 'usage' });
  expect(await fails(['sessions', '--org', 'nowhere'])).toMatchObject({ exit: 'refused' });
  const nobody = join(work, 'nobody');
  await mkdir(nobody, { mode: 0o700 });
  expect(await fails(['sessions'], nobody)).toMatchObject({ exit: 'unreachable', code: 4 });
  const named = ['run', 'Hello', '--project', 'till'];
  expect(await fails(named, nobody)).toMatchObject({ exit: 'unreachable' });
});

test('usage as values by commas, and what cannot be asked', async () => {
  const [head = ''] = (await types(['usage', '--csv', '--by', 'day,model'])).split('\n');
  expect(head).toMatch(/^day,model,.*input_tokens/);
  expect(await json(['usage'])).toEqual([]);
  expect(await fails(['usage', '--by', 'moon'])).toMatchObject({ exit: 'usage' });
  expect(await fails(['usage', '--from', 'yesterday'])).toMatchObject({ exit: 'refused' });
});

describe('git asks karta', () => {
  const question = (host: string) => `protocol=http\nhost=${host}\n\n`;
  const ask = (operation: string, input: string) =>
    karta(['git-credential', operation], { home, input });

  test('who is signed in, about that server alone', async () => {
    const { host } = new URL(planes.control.url);
    const { token } = JSON.parse(await readFile(join(home, 'login.json'), 'utf8'));
    expect(await ask('get', question(host))).toMatchObject({
      code: 0,
      stdout: `username=cafe\npassword=${token}\n`,
    });
    const other = await ask('get', question('evil.example'));
    expect(other).toMatchObject({ code: 0, stdout: '' });
    expect(other.stderr).toContain('not to evil.example');
    expect((await ask('get', '')).code).toBe(2);
    expect(await ask('store', `${question(host)}password=x\n`)).toMatchObject({
      code: 0,
      stdout: '',
    });
  });

  test('a person of several orgs pushes to the one they work in', async () => {
    const two = join(work, 'two');
    await signUp(two, 'two@cafe.example');
    for (const slug of ['first-of-two', 'second-of-two'])
      await types(['orgs', 'create', slug], two);
    const { token } = JSON.parse(await readFile(join(two, 'login.json'), 'utf8'));
    const refs = (name: string) =>
      fetch(`${planes.control.url}/v1/projects/x/git/info/refs?service=git-receive-pack`, {
        headers: { authorization: `Basic ${btoa(`${name}:${token}`)}` },
      }).then(({ status }) => status);
    expect(await refs('first-of-two')).toBe(200);
    expect(await refs('cafe')).toBe(404);
    expect(await refs('_')).toBe(404);
  });
});

test('completion knows every command and option of these', async () => {
  const { terminal, written } = captured();
  await runCommandLine(['completion', 'bash'], terminal);
  const script = written.out;
  for (const [command, words] of [
    ['login', ['--url', '--email', '--key']],
    ['webhooks', ['redeliver', 'rotate', 'deliveries']],
    ['releases', ['revoke', 'diff']],
    ['run', ['--project', '--org']],
    ['deploy', ['--git', '--preview']],
    ['env', ['unset']],
  ] as const) {
    const line = script.split('\n').find((one) => one.trim().startsWith(`${command})`)) ?? '';
    for (const word of words) expect(line, command).toContain(word);
  }
});

describe('provider keys', () => {
  test('are typed or piped in, listed by their last four, tested and destroyed', async () => {
    const secret = 'sk-ant-typed-0123456789';
    const set = await typed(['provider-keys', 'set', 'anthropic'], `${secret}\n`, home);
    expect(set).toBe('anthropic: …6789 is set');
    expect(await types(['provider-keys'])).toMatch(/anthropic +…6789/);
    const [list] = await json(['provider-keys']);
    expect(list).toMatchObject({ platform_fallback: false });
    expect(JSON.stringify(list)).not.toContain(secret);
    const account = { type: 'service_account', client_email: 'a@b', project_id: 'p' };
    const file = JSON.stringify(
      { ...account, private_key: 'k', private_key_id: 'id-4711' },
      null,
      2,
    );
    const vertex = ['provider-keys', 'set', 'vertex', '--location', 'europe-west1'];
    expect(await typed(vertex, `${file}\n`, home)).toBe('vertex: …4711 is set');
    const tested = await run(['provider-keys', 'test', 'vertex']);
    expect(tested).toMatchObject({ code: 1 });
    expect(tested.out).toContain('vertex refused the key');
    const bedrock = ['provider-keys', 'set', 'bedrock', '--region', 'eu-west-1'];
    const temporary = 'ASIAIOSFODNN7EXAMPLE\nsecret-of-an-example-4712\na-session-token\n';
    expect(await typed(bedrock, temporary, home)).toBe('bedrock: …4712 is set');
    expect(await types(['provider-keys', 'fallback', 'on'])).toContain('used in its place');
    for (const name of ['anthropic', 'vertex', 'bedrock']) {
      expect(await types(['provider-keys', 'remove', name])).toContain('is destroyed');
    }
    expect(await fails(['provider-keys', 'remove', 'anthropic'])).toMatchObject({ exit: 'usage' });
    expect(await fails(['provider-keys', 'fallback', 'maybe'])).toMatchObject({ exit: 'usage' });
    const wrong = await karta(['provider-keys', 'set', 'acme'], { home, input: 'x\n' });
    expect(wrong.stderr).toContain('There is no provider "acme"');
    const short = await karta(['provider-keys', 'set', 'openai'], { home, input: 'sk-1\n' });
    expect(short.stderr).toContain('This is no key of openai');
    expect(short.stderr).not.toContain('sk-1');
  });
});
