import { setImmediate } from 'node:timers/promises';
import type { HarnessEvent } from '@karta/harness';
import {
  NO_PAYER,
  NO_USAGE,
  type OpenTurnBody,
  type TurnRefusal,
  type TurnUsageAnswer,
} from '@karta/protocol';
import { expect, test } from 'vitest';
import { eachAlone, oneByOne } from '../../../harness/src/testing/event-batches.ts';
import { DoorsError } from './doors/doors-client.ts';
import type { Machine } from './machine/machine-port.ts';
import type { RunnerEvent } from './port.ts';
import { runTurn } from './run-turn.ts';
import { releaseNamed, SILENT, stubBooted } from './testing/stub-machine.ts';

const USAGE: TurnUsageAnswer = {
  turn_id: 'turn_1',
  usage: NO_USAGE,
  calls: 3,
  estimated_calls: 0,
  cost: '7',
  fallbacks: [],
  refusal: null,
};
const TURN = { id: 'turn_1', orgGrant: 'og1.x', payer: { ...NO_PAYER, end_user: 'eve' } };
const INPUT = { text: 'hi', agent: 'default', thinking: false, attachments: [] };

/** Runs a turn of this adapter; the doors refuse to book or to close when told to. */
async function run(
  turn: (signal: AbortSignal) => AsyncIterable<HarnessEvent>,
  refuse: {
    open?: boolean;
    close?: boolean;
    calls?: TurnRefusal;
    fallbacks?: TurnUsageAnswer['fallbacks'];
  } = {},
  take = Number.POSITIVE_INFINITY,
) {
  const calls: string[] = [];
  const booted = stubBooted('sbx_1', releaseNamed('rel_1'));
  const machine: Machine = {
    ...booted.machine,
    resumeId: 'ses_1',
    turn: (_input, signal) => {
      calls.push('prompt');
      return eachAlone(turn(signal));
    },
  };
  const doors = {
    async openTurn(_channel: string, turn: OpenTurnBody) {
      expect(turn).toEqual({ turn_id: 'turn_1', org_grant: 'og1.x', payer: TURN.payer });
      calls.push('open');
      await setImmediate();
      calls.push('opened');
      if (refuse.open) throw new DoorsError('gone', 404);
    },
    async closeTurn() {
      calls.push('close');
      if (refuse.close) throw new DoorsError('gone', null);
      const { calls: refusal = null, fallbacks = [] } = refuse;
      return { ...USAGE, refusal, fallbacks };
    },
  };
  const parts = { doors, log: SILENT, lost: () => void calls.push('lost') };
  const events: RunnerEvent[] = [];
  const signal = new AbortController().signal;
  const turned = runTurn(parts, { ...booted, machine }, TURN, INPUT, signal);
  for await (const event of oneByOne(turned)) {
    events.push(event);
    if (events.length >= take) break;
  }
  return { calls, events };
}

async function* good(): AsyncGenerator<HarnessEvent> {
  yield { type: 'text', text: 'a' };
  yield { type: 'end', stopReason: 'end_turn' };
}

test('the booking leaves right after the prompt, and the usage comes with the end', async () => {
  const { calls, events } = await run(good);
  expect(calls).toEqual(['prompt', 'open', 'opened', 'close']);
  expect(events).toEqual([
    { type: 'text', text: 'a' },
    { type: 'end', stopReason: 'end_turn', usage: USAGE, resumeId: 'ses_1' },
  ]);
});

test('a listener that goes away closes the booking', async () => {
  const { calls } = await run(good, {}, 1);
  expect(calls).toEqual(['prompt', 'open', 'opened', 'close']);
});

test('a turn that cannot be booked is stopped, fails visibly and gives the machine up', async () => {
  const { calls, events } = await run(
    async function* (signal) {
      yield { type: 'text', text: 'never told' };
      if (!signal.aborted) {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
      }
      yield { type: 'end', stopReason: 'cancelled' };
    },
    { open: true },
  );
  expect(events.map((event) => event.type)).toEqual(['error', 'end']);
  expect(events[1]).toMatchObject({ stopReason: 'error', usage: { usage: NO_USAGE } });
  expect(calls).toEqual(['prompt', 'open', 'opened', 'lost']);
});

test('a turn whose usage cannot be told still ends, and its machine is of no more use', async () => {
  const { calls, events } = await run(good, { close: true });
  expect(calls.at(-1)).toBe('lost');
  expect(events.at(-1)).toMatchObject({ stopReason: 'end_turn', usage: { calls: 0 } });
});

const REFUSAL: TurnRefusal = {
  code: 'byok_key_rejected',
  message: 'anthropic refused the key.',
  provider: 'anthropic',
};
const REFUSED = { type: 'error', code: 'provider_auth', message: '401', retryable: false } as const;

test('a turn whose calls the doors refused ends with their reason, told once', async () => {
  async function* refused(): AsyncGenerator<HarnessEvent> {
    yield { type: 'text', text: 'a' };
    yield REFUSED;
    yield { type: 'end', stopReason: 'error' };
  }
  const { events } = await run(refused, { calls: REFUSAL });
  expect(events).toEqual([
    { type: 'text', text: 'a' },
    { type: 'error', ...REFUSAL, retryable: false },
    { type: 'end', stopReason: 'error', usage: { ...USAGE, refusal: REFUSAL }, resumeId: 'ses_1' },
  ]);
  const capped: TurnRefusal = { code: 'budget_exhausted', message: 'No more.', provider: null };
  const stopped = await run(refused, { calls: capped });
  expect(stopped.events.slice(1)).toMatchObject([
    { type: 'error', code: 'budget_exhausted' },
    { type: 'end', stopReason: 'budget_exhausted' },
  ]);
  expect((await run(refused)).events[1]).toEqual(REFUSED);
});

test('a turn that went on after a refusal tells its errors in order, and ends as it ended', async () => {
  async function* recovered(): AsyncGenerator<HarnessEvent> {
    yield REFUSED;
    yield { type: 'text', text: 'then' };
    yield { type: 'end', stopReason: 'end_turn' };
  }
  const { events } = await run(recovered, { calls: REFUSAL });
  expect(events.map((event) => event.type)).toEqual(['error', 'text', 'end']);
  expect(events.at(-1)).toMatchObject({ stopReason: 'end_turn' });
});

test('a model that answered in place of another is told before the end', async () => {
  const instead_of = { provider: 'openai', model: 'gpt-5' };
  const fallback = { provider: 'openrouter', model: 'openai/gpt-5', instead_of, calls: 2 };
  const { events } = await run(good, { fallbacks: [fallback] });
  expect(events.map(({ type }) => type)).toEqual(['text', 'system', 'end']);
  expect(events[1]).toEqual({
    type: 'system',
    kind: 'model_fallback',
    message:
      'openrouter/openai/gpt-5 answered 2 model calls in place of openai/gpt-5, which could not.',
    detail: fallback,
  });
});
