import { costOf, priceOf } from '@karta/protocol';
import { BUILT_IN_PRICE_BOOK } from '@karta/protocol/built-in-prices';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestChannel, scripted, type TestChannel } from '../testing/open-channel.ts';
import { type StartedDoors, startDoors } from '../testing/start-doors.ts';

let doors: StartedDoors;
let channel: TestChannel;

beforeAll(async () => {
  doors = await startDoors();
  channel = await openTestChannel(doors);
});
afterAll(async () => {
  await channel.close();
  await doors.stop();
});

const ask = (content: string) => ({
  model: 'm',
  max_tokens: 1000,
  messages: [{ role: 'user' as const, content }],
});

let turns = 0;
/** Runs `work` within a turn of its own and tells what was booked on it. */
async function inTurn(work: () => Promise<unknown>) {
  turns += 1;
  const turnId = `turn_${turns}`;
  await doors.management.openTurn(channel.id, turnId);
  await work();
  return doors.management.closeTurn(channel.id, turnId);
}

describe('usage of a turn', () => {
  it('is what the provider reported, over all wires, streamed and whole', async () => {
    const content = scripted({ think: 'hm', text: 'some words', cache_read: 3, cache_write: 2 });
    const reported = { input: 0, output: 0 };
    const booked = await inTurn(async () => {
      const whole = await channel.anthropic.messages.create(ask(content));
      const streamed = await channel.anthropic.messages.stream(ask(content)).finalMessage();
      for (const { usage } of [whole, streamed]) {
        reported.input += usage.input_tokens + 5;
        reported.output += usage.output_tokens;
      }
      const chat = { model: 'm', messages: ask(content).messages };
      const completion = await channel.openai.chat.completions.create(chat);
      await channel.openai.chat.completions.stream(chat).finalChatCompletion();
      reported.input += 2 * (completion.usage?.prompt_tokens ?? 0);
      reported.output += 2 * (completion.usage?.completion_tokens ?? 0);
      const response = await channel.openai.responses.create({ model: 'm', input: content });
      await channel.openai.responses.stream({ model: 'm', input: content }).finalResponse();
      reported.input += 2 * (response.usage?.input_tokens ?? 0);
      reported.output += 2 * (response.usage?.output_tokens ?? 0);
    });
    expect(booked).toMatchObject({
      calls: 6,
      estimated_calls: 0,
      usage: {
        input_tokens: reported.input,
        output_tokens: reported.output,
        cache_read_tokens: 6 * 3,
        cache_write_tokens: 2 * 2,
        total_tokens: reported.input + reported.output,
      },
    });
    expect(reported.output).toBeGreaterThan(0);
    const price = priceOf(BUILT_IN_PRICE_BOOK, 'demo', 'm', Date.now());
    if (price === null) throw new Error('the demo model has no price');
    expect(booked.cost).toBe(costOf(price, booked.usage).toString());
  });

  it('leaves out token counting and lists of models', async () => {
    const booked = await inTurn(async () => {
      await channel.anthropic.messages.countTokens({ model: 'm', messages: ask('x').messages });
      await channel.openai.models.list();
    });
    expect(booked).toMatchObject({ calls: 0, usage: { total_tokens: 0 } });
  });

  it('counts refused calls as calls that cost nothing', async () => {
    const booked = await inTurn(() =>
      channel.anthropic.messages.create(ask(scripted({ err: 529 }))).catch(() => {}),
    );
    expect(booked).toMatchObject({ calls: 1, estimated_calls: 0, usage: { total_tokens: 0 } });
  });

  it('is estimated for a call that broke off, from what was streamed', async () => {
    const counted = await channel.anthropic.messages.create(
      ask(scripted({ text: 'abcdefgh', break: false })),
    );
    const booked = await inTurn(() =>
      channel.anthropic.messages
        .stream(ask(scripted({ text: 'abcdefgh', break: true })))
        .finalMessage()
        .catch(() => {}),
    );
    expect(booked).toMatchObject({ calls: 1, estimated_calls: 1, usage: { output_tokens: 2 } });
    // The script is one character shorter, which is a token at most.
    const difference = booked.usage.input_tokens - counted.usage.input_tokens;
    expect(Math.abs(difference)).toBeLessThanOrEqual(1);
  });

  it('is estimated for a call that the client cancelled, also before its first byte', async () => {
    const booked = await inTurn(async () => {
      const stream = channel.openai.responses.stream({
        model: 'm',
        input: scripted({ text: 'abcdefgh', hang: true }),
      });
      await new Promise<void>((resolve) =>
        stream.on('response.output_text.delta', () => resolve()),
      );
      stream.abort();
      await stream.finalResponse().catch(() => {});
      const abort = new AbortController();
      const waiting = channel.openai.chat.completions.create(
        { model: 'm', messages: ask(scripted({ delay: 600_000 })).messages },
        { signal: abort.signal },
      );
      await inFlight(1);
      abort.abort();
      await waiting.catch(() => {});
      await inFlight(0);
    });
    expect(booked).toMatchObject({ calls: 2, estimated_calls: 2, usage: { output_tokens: 2 } });
    expect(booked.usage.input_tokens).toBeGreaterThan(10);
  });

  it('belongs to the turn that was open when the call began', async () => {
    await doors.management.openTurn(channel.id, 'turn_a');
    const slow = channel.anthropic.messages.create(ask(scripted({ text: 'slow', delay: 200 })));
    await inFlight(1);
    await doors.management.openTurn(channel.id, 'turn_b');
    const closed = doors.management.closeTurn(channel.id, 'turn_a');
    const { usage } = await slow;
    expect(await closed).toMatchObject({
      calls: 1,
      usage: { output_tokens: usage.output_tokens, input_tokens: usage.input_tokens },
    });
    expect(await doors.management.closeTurn(channel.id, 'turn_b')).toMatchObject({ calls: 0 });
  });

  it('is told after a bounded wait for calls that do not end, with what they cost so far', async () => {
    const stream = channel.anthropic.messages.stream(
      ask(scripted({ text: 'abcdefgh', hang: true })),
    );
    const begun = new Promise<void>((resolve) => stream.on('text', () => resolve()));
    const booked = await inTurn(() => begun);
    expect(booked).toMatchObject({ calls: 1, estimated_calls: 1, usage: { output_tokens: 2 } });
    stream.abort();
    await stream.finalMessage().catch(() => {});
  });

  it('can be asked for again', async () => {
    await doors.management.openTurn(channel.id, 'turn_again');
    await channel.anthropic.messages.create(ask(scripted({ text: 'x' })));
    const first = await doors.management.closeTurn(channel.id, 'turn_again');
    expect(await doors.management.closeTurn(channel.id, 'turn_again')).toEqual(first);
    await expect(doors.management.closeTurn(channel.id, 'turn_never')).rejects.toThrow(/404/);
  });
});

describe('calls while no turn is open', () => {
  it('wait for the turn that is about to open', async () => {
    const early = channel.anthropic.messages.create(ask(scripted({ text: 'x' })));
    await inFlight(1);
    await doors.management.openTurn(channel.id, 'turn_late');
    await early;
    expect(await doors.management.closeTurn(channel.id, 'turn_late')).toMatchObject({ calls: 1 });
  });

  it('are served and counted, on no turn', async () => {
    const before = await metric('karta_doors_unattributed_calls_total');
    await channel.anthropic.messages.create(ask(scripted({ text: 'x' })));
    expect(await metric('karta_doors_unattributed_calls_total')).toBe(before + 1);
    expect(await inTurn(async () => {})).toMatchObject({ calls: 0 });
  });
});

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${doors.metricsPort}/metrics`)).text();
  const line = text.split('\n').find((entry) => entry.startsWith(`${name} `));
  return Number(line?.split(' ')[1]);
}

/** Waits until so many calls run. */
async function inFlight(count: number): Promise<void> {
  await expect.poll(() => metric('karta_doors_calls_in_flight'), { interval: 5 }).toBe(count);
}
