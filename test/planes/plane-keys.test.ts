import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PLANE_PROTOCOL, type PlaneKeyView } from '@karta/protocol';
import { mintApiKey } from '@karta/service/home';
import { bodyDigest, mintServiceToken, type PlaneName } from '@karta/service/plane-auth';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { runCommandLine } from '../../packages/cli/src/command-line.ts';
import { captured } from '../../packages/cli/test/captured-terminal.ts';
import { nextTotpCode } from '../../packages/control-plane/src/identity/testing/totp-code.ts';
import { managementClient } from '../../packages/doors/src/testing/management-client.ts';
import { cleanEnvironment, KARTA } from '../e2e/karta-process.ts';
import { type AskOperator, ask, firstOperator } from './operator.ts';
import { type PartName, type PlaneProcesses, startPlaneProcesses } from './plane-processes.ts';

/** Long enough for requests in flight, short enough to wait for. */
const OVERLAP_MS = 3_000;
const PROTOCOL = String(PLANE_PROTOCOL);
const POLL = { timeout: 60_000, interval: 50 };

let planes: PlaneProcesses;
let operator: AskOperator;
let login: Awaited<ReturnType<typeof firstOperator>>;

beforeAll(async () => {
  planes = await startPlaneProcesses(OVERLAP_MS);
  login = await firstOperator(planes.home, planes.operatorUrl);
  operator = ask(planes.operatorUrl, login.token);
}, 120_000);
afterAll(() => planes?.stop());
beforeEach(() => {
  planes.onInternal = null;
});

async function keysNow(): Promise<PlaneKeyView[]> {
  const answer = await operator('GET', '/v1/plane_keys');
  return ((await answer.json()) as { plane_keys: PlaneKeyView[] }).plane_keys;
}
const kidsNow = async () => Object.fromEntries((await keysNow()).map(({ of, kid }) => [of, kid]));
const rotate = (body: object) => operator('POST', '/v1/plane_keys/rotate', body);

/** The data plane must ask the control plane about a key that it never saw: it says 401, or 503. */
async function strangerIsAsked(): Promise<number> {
  const headers = { authorization: `Bearer ${mintApiKey()}` };
  return (await fetch(`${planes.url}/v1/sessions`, { headers })).status;
}

/** The doors must ask the control plane for a key: it has none, which is 404, or nobody answers. */
async function keyIsAsked(orgId: string): Promise<number> {
  const doors = managementClient(planes.managementSocket, planes.managementToken);
  const asked = { org_id: orgId, provider: 'anthropic', org_grant: 'none' };
  return (await doors.send('POST', '/keys/test', asked)).status;
}

/** What a captured request gets from an internal surface: `null` where nobody is told anything. */
async function capturedRequest(
  of: 'control' | 'data' | 'doors',
): Promise<() => Promise<string | null>> {
  const audience: PlaneName = of === 'control' ? 'data' : 'control';
  const path = of === 'doors' ? '/v1/internal/doors/prices' : '/v1/internal/absent';
  const bound = { method: 'GET', path, bodyDigest: bodyDigest() };
  const token = await mintServiceToken(planes.keys[of], audience, bound);
  return async () => {
    const headers = { authorization: `Bearer ${token}`, 'karta-plane-protocol': PROTOCOL };
    const answer = await fetch(`${planes.internalUrls[audience]}${path}`, { headers });
    return answer.headers.get('karta-plane-protocol');
  };
}

test('all keys change while everybody serves; the former are refused after the overlap', async () => {
  const before = await keysNow();
  let late: (() => Promise<string | null>)[] = [];
  expect(before.map(({ of, kid }) => [of, kid])).toEqual([
    ['control', planes.keys.control.kid],
    ['node', planes.keys.data.kid],
    ['doors', planes.keys.doors.kid],
  ]);
  const statuses = new Map<string, number>();
  let going = true;
  const load = async (name: string, call: () => Promise<unknown>) => {
    while (going) {
      const key = `${name} ${await call()}`;
      statuses.set(key, (statuses.get(key) ?? 0) + 1);
    }
  };
  let org = 0;
  const loads = [
    load('stranger', strangerIsAsked),
    load('stranger', strangerIsAsked),
    load('key', () => {
      org += 1;
      return keyIsAsked(`org_${org}`);
    }),
  ];
  const more = async () => {
    const counts = () => ['stranger 401', 'key 404'].map((name) => statuses.get(name) ?? 0);
    const now = counts();
    await expect
      .poll(() => counts().every((count, at) => count > (now[at] ?? 0) + 5), POLL)
      .toBe(true);
  };
  try {
    await more();
    const early = await Promise.all((['control', 'data', 'doors'] as const).map(capturedRequest));
    late = await Promise.all((['control', 'data', 'doors'] as const).map(capturedRequest));
    let met = 0;
    planes.onInternal = async (path, when) => {
      if (path === '/v1/internal/plane-keys/control' && when === 'after') met += 1;
    };
    const answer = await rotate({});
    expect(answer.status).toBe(200);
    // Both count for a while: what was signed before is served.
    expect(await Promise.all(early.map((play) => play()))).toEqual(Array(3).fill(PROTOCOL));
    await expect
      .poll(async () => (await keysNow()).map((key) => key.changing_since), POLL)
      .toEqual([null, null, null]);
    // Told of under the former key, then met under its own: from there on the former one ends.
    await expect.poll(() => met, POLL).toBe(2);
    const after = await keysNow();
    for (const [at, { kid, node_id, former }] of after.entries()) {
      expect(kid).not.toBe(before[at]?.kid);
      expect(former.map((old) => old.kid)).toEqual([before[at]?.kid]);
      // The name stays: grants, leases and usage go by it.
      expect(node_id).toBe(before[at]?.node_id);
    }
    await more();
    await expect
      .poll(async () => (await keysNow()).flatMap(({ former }) => former), POLL)
      .toEqual([]);
    // The data plane ends the control plane's a moment later: when it has met the new one.
    const formerIsHeard = async () => (await capturedRequest('control'))();
    await expect.poll(formerIsHeard, POLL).toBeNull();
    await more();
  } finally {
    going = false;
  }
  await Promise.all(loads);
  expect([...statuses.keys()].sort()).toEqual(['key 404', 'stranger 401']);
  // Requests that a thief has seen, and new ones under the keys that leaked.
  const stolen = await Promise.all((['control', 'data', 'doors'] as const).map(capturedRequest));
  expect(await Promise.all([...late, ...stolen].map((play) => play()))).toEqual(
    Array(6).fill(null),
  );

  const audit = (await (await operator('GET', '/v1/audit')).json()) as {
    events: { action: string; target: { id: string } }[];
  };
  const names = (action: string) =>
    audit.events.filter((event) => event.action === action).map(({ target }) => target.id);
  const node = before[1]?.node_id;
  expect(names('plane_keys.rotate').sort()).toEqual(['control', node, node]);
  expect(names('plane_keys.changed').sort()).toEqual(['control', node, node]);
}, 180_000);

/** `karta operator …` with a home of its own. */
async function karta(args: readonly string[], home: string) {
  const { terminal, written } = captured();
  const code = await runCommandLine(['operator', ...args, '--json', '--home', home], terminal);
  return { code, said: JSON.parse(written.out.trim().split('\n').at(-1) ?? 'null') };
}

test('karta operator signs in with the second factor, changes keys and sets prices', async () => {
  const home = join(planes.home, 'operator');
  const refused = await karta(['keys'], home);
  expect(refused.said.error).toMatchObject({ message: 'Nobody is signed in to an admin plane' });
  const args = ['operator', 'login', '--url', planes.operatorUrl, '--email', login.email];
  const child = spawn(process.execPath, [KARTA, ...args, '--home', home], {
    env: cleanEnvironment(),
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  child.stdin.end(`${login.password}\n${nextTotpCode(login.totpUri)}\n`);
  expect((await once(child, 'exit'))[0]).toBe(0);
  expect((await stat(join(home, 'operator-login.json'))).mode & 0o777).toBe(0o600);

  const before = await kidsNow();
  const rotated = await karta(['keys', 'rotate', '--of', 'doors', '--compromised'], home);
  expect(rotated).toMatchObject({ code: 0 });
  await expect.poll(async () => (await kidsNow()).doors, POLL).not.toBe(before.doors);
  // Compromised: the former key counts no more, not for a moment.
  const doorsNow = async () => (await keysNow()).find(({ of }) => of === 'doors')?.former;
  expect(await doorsNow()).toEqual([]);
  expect(await keyIsAsked('org_after_compromise')).toBe(404);
  const listed = await karta(['keys'], home);
  expect(listed.said.plane_keys).toEqual(await keysNow());

  const { nodes } = (await karta(['nodes'], home)).said;
  expect(nodes).toMatchObject([{ node_id: expect.stringMatching(/^node_/), configured: true }]);
  const unmet = await karta(['nodes', 'retire', 'node_unmet'], home);
  expect(unmet).toMatchObject({ code: 3, said: { error: { message: 'There is no such node' } } });

  const dear = ['prices', 'set', 'anthropic', 'claude-dear*', '--input', '$3', '--output', '15.5'];
  expect((await karta(dear, home)).said).toMatchObject({
    model: 'claude-dear*',
    price: { input: '3000000', cache_read: '3000000', output: '15500000' },
    made_by: expect.stringMatching(/^opr_/),
  });
  expect((await karta(['prices'], home)).said.prices).toHaveLength(1);
  const nonsense = ['prices', 'set', 'anthropic', 'x', '--input', '-3', '--output', '1'];
  expect((await karta(nonsense, home)).said.error.message).toBe('--input cannot be "-3"');
  expect((await karta(['logout'], home)).code).toBe(0);
  expect((await karta(['keys'], home)).code).toBe(2);
}, 120_000);

type Step = { step: 'offer' | 'use' | 'control'; of: 'control' | 'node' | 'doors' };
const STEPS: Step[] = [
  { step: 'offer', of: 'node' },
  { step: 'use', of: 'node' },
  { step: 'offer', of: 'doors' },
  { step: 'use', of: 'doors' },
  { step: 'control', of: 'control' },
];
const DEATHS = STEPS.flatMap(({ step, of }) =>
  (['before', 'after'] as const).flatMap((when) =>
    (['control', of === 'doors' ? 'doors' : 'data'] as const).map((victim) => ({
      ...{ step, of, when, victim },
    })),
  ),
);
/** Those that leave the most behind. */
const DAILY = DEATHS.filter(
  ({ step, of, when, victim }) =>
    when === 'after' &&
    ['offer node control', 'control control data'].includes(`${step} ${of} ${victim}`),
);
const chosen = process.env.KARTA_TIER === 'full' ? DEATHS : DAILY;

test.each(chosen)(
  'the key of $of changes though $victim is killed $when the step "$step"',
  async ({ step, of, when, victim }) => {
    const before = await kidsNow();
    const killed = Promise.withResolvers<void>();
    planes.onInternal = async (path, now) => {
      if (path !== `/v1/internal/plane-keys/${step}` || now !== when) return;
      planes.onInternal = null;
      await planes.kill(victim as PartName);
      killed.resolve();
    };
    // Its answer is lost where the control plane dies.
    const asked = rotate({ of }).then(
      (answer) => answer.status,
      () => null,
    );
    await killed.promise;
    await planes.start(victim as PartName);
    expect([200, null]).toContain(await asked);
    const state = async () => {
      const key = (await keysNow()).find((one) => one.of === of);
      return { changing: key?.changing_since, changed: key?.kid !== before[of] };
    };
    await expect.poll(state, POLL).toEqual({ changing: null, changed: true });
    // Everybody believes everybody still.
    await expect.poll(strangerIsAsked, POLL).toBe(401);
    await expect.poll(() => keyIsAsked(`org_${step}_${of}_${when}_${victim}`), POLL).toBe(404);
    const others = Object.entries(await kidsNow()).filter(([name]) => name !== of);
    expect(others).toEqual(Object.entries(before).filter(([name]) => name !== of));
  },
  180_000,
);
