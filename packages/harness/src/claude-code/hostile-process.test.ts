import { afterEach, describe, expect, it } from 'vitest';
import { say, Talk } from '../conformance/index.ts';
import { oneByOne } from '../testing/event-batches.ts';
import { createClaudeCode } from './index.ts';
import { type Ground, openGround } from './testing/ground.ts';

const { installed } = await createClaudeCode().installed();

/**
 * A program that speaks the protocol as far as it must, then does `attack` at each message.
 * `write` sends one frame, `raw` any bytes and waits until they are taken; `interrupted` is called
 * when the turn is cancelled.
 */
const impostor = (attack: string) => `
import { createInterface } from 'node:readline';
const raw = (bytes) => new Promise((resolve) => {
  if (process.stdout.write(bytes)) resolve(); else process.stdout.once('drain', resolve);
});
const write = (frame) => raw(JSON.stringify(frame) + '\\n');
const state = (state) => write({ type: 'system', subtype: 'session_state_changed', state });
const delta = (text) => ({ type: 'stream_event', parent_tool_use_id: null,
  event: { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } } });
const finish = async () => {
  await write({ type: 'result', subtype: 'success', is_error: false });
  await state('idle');
};
const ask = (id) => ({ type: 'control_request', request_id: id,
  request: { subtype: 'can_use_tool', tool_name: 'Bash', input: {}, tool_use_id: 't' + id } });
let interrupted = () => {};
const attack = async () => { ${attack} };
for await (const line of createInterface({ input: process.stdin })) {
  const frame = JSON.parse(line);
  if (frame.type === 'control_request') {
    await write({ type: 'control_response',
      response: { subtype: 'success', request_id: frame.request_id, response: {} } });
    if (frame.request.subtype === 'interrupt') await interrupted();
  }
  if (frame.type === 'user') { await state('running'); await attack(); }
}
`;

let ground: Ground | null = null;
afterEach(async () => {
  await ground?.close();
  ground = null;
});

async function attacked(attack: string): Promise<Talk> {
  ground = await openGround({ impostor: impostor(attack) });
  const session = await ground.open();
  const talk = await say(session, 'hello');
  await session.close();
  return talk;
}

const memory = () => process.memoryUsage().rss;
const MB = 1024 * 1024;

describe.skipIf(!installed)('a process that breaks the protocol is stopped, and told of', () => {
  it.each([
    ['a line of 100 MB', `for (let n = 0; n < 1600; n += 1) await raw('x'.repeat(65536));`],
    ['deep JSON', `await raw('{"type":' + '['.repeat(100000) + '\\n');`],
    ['what is not JSON', `await raw('Segmentation fault\\n');`],
    ['frames without a type', `await write({ hello: 1 });`],
    ['a frame that is no object', `await raw('17\\n');`],
    [
      'an ask that is none',
      `await write({ type: 'control_request', request_id: 'a', request: { subtype: 'can_use_tool', tool_name: 7 } });`,
    ],
    ['an answer that is none', `await write({ type: 'control_response', response: 'yes' });`],
    [
      'a request without an id',
      `await write({ type: 'control_request', request: { subtype: 'x' } });`,
    ],
  ])('%s', async (_, attack) => {
    const before = memory();
    const talk = await attacked(attack);
    expect(talk.all('error')).toMatchObject([{ code: 'harness_protocol' }]);
    expect(talk.events.at(-1)).toEqual({ type: 'end', stopReason: 'error' });
    expect(memory() - before).toBeLessThan(200 * MB);
  });
});

describe.skipIf(!installed)('a process that keeps the protocol is heard', () => {
  it('with broken UTF-8, NUL, lone surrogates and prototypes made harmless', async () => {
    const talk = await attacked(`
      const [head, tail] = JSON.stringify(delta('a|b')).split('|');
      await raw(Buffer.concat([Buffer.from(head), Buffer.from([0xff]), Buffer.from(tail + '\\n')]));
      await raw(JSON.stringify(delta('X')).replace('"X"', '"\\\\u0000\\\\ud800"') + '\\n');
      await raw('{"type":"assistant","__proto__":{"polluted":1},"message":{"id":"m","content":[{"type":"tool_use","id":"t","name":"T","input":{"__proto__":{"polluted":1},"ok":1}}]}}\\n');
      await finish();
    `);
    expect(talk.text).toBe('a\uFFFDb\uFFFD\uFFFD');
    expect(talk.all('tool_use')).toMatchObject([{ input: { ok: 1 } }]);
    expect(Object.keys(talk.all('tool_use')[0]?.input as object)).toEqual(['ok']);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
    expect(talk.all('end')).toMatchObject([{ stopReason: 'end_turn' }]);
  });

  it('with frames of kinds that nobody knows', async () => {
    const talk = await attacked(`
      await write({ type: 'brand_new', x: 1 });
      await write({ type: 'control_cancel_request', request_id: 'unknown' });
      await write({ type: 'control_response', response: { subtype: 'success', request_id: 'forged', response: {} } });
      await write({ type: 'control_request', request_id: 'h', request: { subtype: 'hook_callback', callback_id: 'none', input: {} } });
      await write({ type: 'control_request', request_id: 'm', request: { subtype: 'mcp_message', server_name: 'none', message: {} } });
      await write(delta('still here'));
      await finish();
    `);
    expect(talk.all('system')).toMatchObject([{ kind: 'brand_new' }]);
    expect(talk.text).toBe('still here');
    expect(talk.all('end')).toMatchObject([{ stopReason: 'end_turn' }]);
  });

  it('with a flood of events only as fast as they are taken, in flat memory', async () => {
    ground = await openGround({
      impostor: impostor(
        `for (let n = 0; n < 300; n += 1) await raw((JSON.stringify(delta('word ')) + '\\n').repeat(1000)); await finish();`,
      ),
    });
    const session = await ground.open();
    const before = memory();
    const turn = session.turn(
      { text: 'go', agent: 'default', thinking: false, attachments: [] },
      new AbortController().signal,
    );
    let count = 0;
    for await (const event of oneByOne(turn)) if (event.type === 'text') count += 1;
    expect(count).toBe(300_000);
    expect(memory() - before).toBeLessThan(250 * MB);
    await session.close();
  });

  it('with asks, of which no more than a few wait', async () => {
    ground = await openGround({
      impostor: impostor(
        `for (let n = 0; n < 500; n += 1) await write(ask('r' + n)); await finish();`,
      ),
    });
    const session = await ground.open();
    const talk = await say(session, 'go');
    expect(talk.all('ask').length).toBeLessThanOrEqual(64);
    expect(talk.all('end')).toHaveLength(1);
    await session.close();
  });
});

describe.skipIf(!installed)('an ask that waits is told as dropped before the turn ends', () => {
  it.each([
    ['when the process rests before it takes the ask back', 'interrupted = finish;'],
    [
      'when both come in one breath',
      `interrupted = () => raw([
         { type: 'control_cancel_request', request_id: 'a' },
         { type: 'result', subtype: 'success', is_error: false },
         { type: 'system', subtype: 'session_state_changed', state: 'idle' },
       ].map((frame) => JSON.stringify(frame) + '\\n').join(''));`,
    ],
    ['when the process dies of it', 'interrupted = () => process.exit(1);'],
  ])('%s', async (_, attack) => {
    ground = await openGround({ impostor: impostor(`${attack} await write(ask('a'));`) });
    const session = await ground.open();
    const talk = new Talk(session, 'hello');
    await talk.next('ask');
    talk.cancel();
    await talk.done;
    expect(talk.events.slice(-2)).toMatchObject([
      { type: 'ask_resolved', requestId: 'a', decision: 'deny', by: 'harness' },
      { type: 'end', stopReason: 'cancelled' },
    ]);
    expect(talk.all('ask_resolved')).toHaveLength(1);
    await expect(talk.approve('a')).rejects.toMatchObject({ code: 'unknown_ask' });
    await session.close();
  });
});

describe.skipIf(!installed)('a process that says too much between turns', () => {
  it('waits, and the next turn is its own', async () => {
    ground = await openGround({
      impostor: impostor(`
        await write(delta('answer')); await finish();
        void (async () => { for (let n = 0; n < 100; n += 1) await raw((JSON.stringify(delta('spill')) + '\\n').repeat(1000)); })();
      `),
    });
    const session = await ground.open();
    expect((await say(session, 'one')).text).toBe('answer');
    const before = memory();
    await new Promise((resolve) => setImmediate(resolve));
    expect(memory() - before).toBeLessThan(50 * MB);
    await session.close();
    await session.exited;
  });
});

describe.skipIf(!installed)('a process that does not start', () => {
  it.each([
    ['ends at once', 'process.stderr.write("no room left\\n"); process.exit(3);', /no room left/],
    [
      'says nothing right',
      'process.stdout.write("hello\\n"); setInterval(() => {}, 1000);',
      /did not start/,
    ],
  ])('and %s is told with its last words', async (_, program, message) => {
    ground = await openGround({ impostor: program });
    const opening = ground.open();
    await expect(opening).rejects.toMatchObject({ name: 'HarnessError', code: 'start_failed' });
    await expect(opening).rejects.toThrow(message);
  });

  it('for a conversation that has no id of Claude Code', async () => {
    ground = await openGround({ impostor: 'process.exit(0)' });
    const opening = ground.open({ resumeId: '../../etc/passwd' });
    await expect(opening).rejects.toMatchObject({ code: 'cannot_resume' });
  });
});
