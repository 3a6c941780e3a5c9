import { request } from 'node:http';
import { join } from 'node:path';
import { text as readText } from 'node:stream/consumers';
import {
  type BudgetView,
  budget,
  budgetList,
  NO_PAYER,
  newId,
  validatedCredential,
} from '@karta/protocol';
import { planeClient } from '@karta/service/plane-auth';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { MIN_OUTPUT_TOKENS } from '../../packages/doors/src/budgets/limits.ts';
import { findSdk } from '../../packages/harness/src/claude-code/locate-sdk.ts';
import { archiveOfFolder } from './archive.ts';
import { type Answer, type Builder, builderOn } from './builder.ts';
import { claudeFolder } from './claude-folder.ts';
import { type AskOperator, ask, firstOperator } from './operator.ts';
import { startTwoPlanes, type TwoPlanes } from './two-planes.ts';

const SUPPORT_BOT = join(import.meta.dirname, '../../examples/support-bot');
/** What each call asks for and, since its text is longer, takes. */
const CALL_TOKENS = 300;
const CALLS = 64;
/** A cap worth ten calls. */
const CAP = 10 * CALL_TOKENS;

let planes: TwoPlanes;
let builder: Builder;
let operator: AskOperator;
/** By how much the control plane's clock of budgets is ahead, in ms. */
let ahead = 0;

beforeAll(async () => {
  const budgetClock = () => new Date(Date.now() + ahead);
  planes = await startTwoPlanes({ operator: true, budgetClock });
  builder = builderOn(planes);
  // As an operator's browser has it.
  const url = `http://localhost:${new URL(planes.control.operatorUrl ?? '').port}`;
  operator = ask(url, (await firstOperator(planes.home, url)).token);
});
afterAll(() => planes?.stop());
afterEach(async () => {
  const { budgets } = budgetList.parse(await builder.control('/v1/budgets'));
  for (const { id } of budgets) {
    await builder.ask(`${planes.control.url}/v1/budgets/${id}`, 'DELETE');
  }
});

const capped = async (body: object): Promise<BudgetView> =>
  budget.parse(await builder.control('/v1/budgets', 'POST', body));
const raised = async (id: string, limit: number): Promise<BudgetView> =>
  budget.parse(await builder.control(`/v1/budgets/${id}`, 'PATCH', { limit }));
const read = async (id: string): Promise<BudgetView> =>
  budget.parse(await builder.control(`/v1/budgets/${id}`));

/** `begun`: the call is a slow one, streamed, and calls this with its first bytes. */
interface TurnOf {
  endUser?: string;
  begun?: () => void;
}

/** A session's turn, repeated as long as a busy machine cannot say what it may spend. */
async function turn(
  orgId: string,
  grant: string,
  more: TurnOf = {},
): Promise<{ status: number; tokens: number }> {
  for (;;) {
    const { refusal, ...answer } = await oneTurn(orgId, grant, more);
    if (refusal === 'control_unavailable') continue;
    expect(refusal).toBe(answer.status === 200 ? null : 'budget_exhausted');
    return answer;
  }
}

/** A turn at the doors, as a sandbox would have it, with one model call. */
async function oneTurn(
  orgId: string,
  grant: string,
  more: TurnOf = {},
): Promise<{ status: number; tokens: number; refusal: string | null }> {
  const { endUser = null, begun } = more;
  const { management } = planes.doors;
  const channel = newId('sandbox');
  const id = newId('turn');
  const { socket_path: socketPath, credential } = await management.openChannel({
    channel_id: channel,
    org_id: orgId,
    project_id: newId('project'),
    session_id: newId('session'),
    mode: 'live',
  });
  await management.openTurn(channel, id, {
    org_grant: grant,
    payer: { ...NO_PAYER, end_user: endUser },
  });
  const text = 'word '.repeat(CALL_TOKENS);
  const content = `@@${JSON.stringify([{ text, n: 20, gap: begun ? 100 : 2 }])}@@`;
  const body = {
    model: 'claude-demo',
    max_tokens: CALL_TOKENS,
    stream: begun !== undefined,
    messages: [{ role: 'user', content }],
  };
  const answer = await new Promise<{ status: number; tokens: number }>((resolve, reject) => {
    const headers = { 'x-api-key': credential, 'content-type': 'application/json' };
    const path = '/anthropic/v1/messages';
    const call = request({ socketPath, method: 'POST', path, headers }, async (response) => {
      begun?.();
      const said = await readText(response);
      // Of a stream the last count is the final one.
      const tokens = [...said.matchAll(/"output_tokens":(\d+)/g)].at(-1)?.[1] ?? 0;
      resolve({ status: response.statusCode ?? 0, tokens: Number(tokens) });
    });
    call.on('error', reject);
    call.end(JSON.stringify(body));
  });
  const ended = await management.closeTurn(channel, id);
  expect(ended.usage.output_tokens).toBe(answer.tokens);
  await management.closeChannel(channel);
  return { ...answer, refusal: ended.refusal?.code ?? null };
}

/** The org with a grant, as the doors' calls bring it. */
async function provedOrg() {
  const node = planeClient({
    baseUrl: planes.control.internalUrl,
    key: planes.nodeKey,
    audience: 'control',
  });
  // The data plane, too, must have met a credential of the org, to tell of its usage.
  await builder.data('/v1/sessions');
  const asked = {
    method: 'POST',
    path: '/v1/internal/credentials/validate',
    json: { credential: planes.apiKey },
  } as const;
  return validatedCredential.parse(await node.call(asked, validatedCredential));
}

test('64 turns at once never spend more than a cap worth ten, and leave nothing that fits', async () => {
  const known = await provedOrg();
  const cap = await capped({
    scope: 'org',
    metric: 'output_tokens',
    limit: CAP,
    window: 'total',
  });
  const turns = await Promise.all(
    Array.from({ length: CALLS }, () => turn(known.org_id, known.org_grant)),
  );
  // The provider's own count.
  const spent = turns.reduce((sum, { tokens }) => sum + tokens, 0);
  expect(spent).toBeLessThanOrEqual(CAP);
  // No false refusal: what is left covers no call, not even one whose output is lowered.
  expect(CAP - spent).toBeLessThan(MIN_OUTPUT_TOKENS);
  expect(new Set(turns.map(({ status }) => status))).toEqual(new Set([200, 402]));
  const booked = async () => (await read(cap.id)).usage?.spent;
  await expect.poll(booked, { timeout: 30_000 }).toBe(String(spent));

  await raised(cap.id, 2 * CAP);
  expect(await turn(known.org_id, known.org_grant)).toEqual({ status: 200, tokens: CALL_TOKENS });
}, 120_000);

test('the clock of the control plane jumps over the end of a window during a call, and back: each window keeps its cap', async () => {
  const { org_id: org, org_grant: grant } = await provedOrg();
  const limit = 2 * CALL_TOKENS;
  const cap = await capped({
    ...{ scope: 'end_user', scope_id: 'ann', metric: 'output_tokens', window: 'day' },
    limit,
  });
  const spent = async () => Number((await read(cap.id)).usage?.spent);
  const booked = { timeout: 30_000 };
  const ask = (begun?: () => void) => turn(org, grant, { endUser: 'ann', ...(begun && { begun }) });
  const tomorrow = 24 * 60 * 60 * 1000;
  try {
    expect(await ask()).toEqual({ status: 200, tokens: CALL_TOKENS });
    const over = await ask(() => {
      ahead = tomorrow;
    });
    expect(over).toEqual({ status: 200, tokens: CALL_TOKENS });
    // What began before the jump is none of the new window's.
    const next = async () => (await ask()).status;
    await expect.poll(next, booked).toBe(200);
    await expect.poll(spent, booked).toBe(CALL_TOKENS);
    ahead = 0;
    await expect.poll(spent, booked).toBe(limit);
    // The doors learn of it with the next question; until then they have what the next day leased.
    await expect.poll(next, booked).toBe(402);
    expect(await spent()).toBe(limit);
    ahead = tomorrow;
    expect(await spent()).toBeLessThanOrEqual(limit);
  } finally {
    ahead = 0;
  }
}, 120_000);

const HARNESSES = [
  { harness: 'OpenCode', ref: 'support-bot', folder: async () => SUPPORT_BOT, look: 'glob' },
  { harness: 'Claude Code', ref: 'brief', folder: claudeFolder, look: 'Glob' },
].filter(({ harness }) => harness !== 'Claude Code' || findSdk() !== null);

test.each(HARNESSES)(
  'a turn of $harness ends where its budget does, the next is refused, and a raised cap lets it go on',
  async ({ ref, folder, look }) => {
    await builder.publish(ref, await archiveOfFolder(await folder()));
    const session = await builder.data(`/v1/projects/${ref}/sessions`, 'POST', {});
    const url = `${planes.data.url}/v1/projects/${ref}/sessions/${session.id}/messages`;
    const say = async (...steps: object[]): Promise<{ status: number; body: Answer }> => {
      const response = await builder.ask(url, 'POST', { text: `@@${JSON.stringify(steps)}@@` });
      return { status: response.status, body: (await response.json()) as Answer };
    };
    const first = await say({ text: 'ready' });
    expect(first.body.stop_reason).toBe('end_turn');
    const spent = String((first.body.usage as { output_tokens: number }).output_tokens);
    const cap = await capped({
      scope: 'session',
      scope_id: session.id,
      metric: 'output_tokens',
      limit: 1_000_000,
      window: 'day',
    });
    const booked = async () => (await read(cap.id)).usage?.spent;
    await expect.poll(booked, { timeout: 30_000 }).toBe(spent);

    await raised(cap.id, Number(spent) + CALL_TOKENS);
    const list = { name: look, input: { pattern: '*.md' } };
    const half = await say({ text: 'word '.repeat(160), tools: [list] }, { text: 'not said' });
    expect(half).toMatchObject({ status: 200, body: { stop_reason: 'budget_exhausted' } });
    expect(JSON.stringify(half.body)).not.toContain('not said');

    const refused = await say({ text: 'not said' });
    expect(refused).toMatchObject({
      status: 402,
      body: {
        error: 'budget_exhausted',
        reason: 'cap_reached',
        budget: { id: cap.id, scope: 'session', scope_id: session.id },
      },
    });
    expect(refused.body.resets_at).toBe(cap.usage?.resets_at);

    await raised(cap.id, 1_000_000);
    const on = await say({ text: 'and on' });
    expect(on).toMatchObject({ status: 200, body: { stop_reason: 'end_turn' } });
    expect(JSON.stringify(on.body)).toContain('and on');
  },
  120_000,
);

test('what the doors have booked counts on a limit of tokens per minute', async () => {
  const ref = 'limited';
  await builder.publish(ref, await archiveOfFolder(SUPPORT_BOT));
  const session = await builder.data(`/v1/projects/${ref}/sessions`, 'POST', {});
  const url = `${planes.data.url}/v1/projects/${ref}/sessions/${session.id}/messages`;
  const body = { scope: 'project', scope_id: ref, tokens_per_minute: 1 };
  const limit = await builder.control('/v1/rate_limits', 'POST', body);
  const say = async () => {
    const answer = await builder.ask(url, 'POST', {
      text: `@@${JSON.stringify([{ text: 'a' }])}@@`,
    });
    return { status: answer.status, body: (await answer.json()) as Answer };
  };
  expect((await say()).status).toBe(200);
  await expect.poll(say, { timeout: 60_000 }).toMatchObject({
    status: 429,
    body: {
      error: 'rate_limited',
      reason: 'tokens_per_minute',
      rate_limit: { id: limit.id, scope: 'project', tokens_per_minute: 1 },
    },
  });
  await builder.ask(`${planes.control.url}/v1/rate_limits/${limit.id}`, 'DELETE');
  expect((await say()).status).toBe(200);
});

test('an org that is suspended in the middle of a turn has it ended and booked, and goes on when it may', async () => {
  const ref = 'stopped';
  await builder.publish(ref, await archiveOfFolder(SUPPORT_BOT));
  const { id } = await builder.data(`/v1/projects/${ref}/sessions`, 'POST', {});
  const session = `${planes.data.url}/v1/projects/${ref}/sessions/${id}`;
  const cap = await capped({
    ...{ scope: 'session', scope_id: id, metric: 'output_tokens' },
    ...{ limit: 1_000_000, window: 'day' },
  });
  const say = async (step: object): Promise<Answer> => {
    const text = `@@${JSON.stringify([step])}@@`;
    return (await (await builder.ask(`${session}/messages`, 'POST', { text })).json()) as Answer;
  };
  const { orgs } = (await (await operator('GET', '/v1/orgs')).json()) as { orgs: [{ id: string }] };
  const org = `/v1/orgs/${orgs[0].id}`;

  const begun = said(`${session}/events`);
  const turn = say({ text: 'word '.repeat(2_000), n: 2_000, gap: 100 });
  await begun;
  expect((await operator('POST', `${org}/suspend`, { reason: 'abuse' })).status).toBe(200);
  const answer = await turn;
  expect(answer).toMatchObject({ stop_reason: 'error', errors: [{ code: 'org_suspended' }] });
  const { output_tokens: spent } = answer.usage as { output_tokens: number };
  expect(spent).toBeGreaterThan(0);
  expect(await say({ text: 'not said' })).toMatchObject({ error: 'org_suspended' });

  await operator('POST', `${org}/unsuspend`);
  const on = async () => (await say({ text: 'and on' })).stop_reason;
  await expect.poll(on, { timeout: 60_000 }).toBe('end_turn');
  const booked = async () => Number((await read(cap.id)).usage?.spent);
  await expect.poll(booked, { timeout: 30_000 }).toBeGreaterThan(spent);
}, 120_000);

/** Resolves with the first word of a session. */
async function said(events: string): Promise<void> {
  const { body } = await builder.ask(events);
  if (body === null) throw new Error('there are no events');
  let seen = '';
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    seen += chunk;
    if (seen.includes('"type":"text"')) return;
  }
  throw new Error(`nothing was said: ${seen}`);
}
