import type { HarnessEvent } from '@karta/harness';
import { expect, test } from 'vitest';
import { eachAlone, oneByOne } from '../../../../harness/src/testing/event-batches.ts';
import { guardTurn } from './guard-turn.ts';
import type { MachineEnd } from './machine-port.ts';

const NEVER = new Promise<MachineEnd>(() => undefined);
const VIOLATION: MachineEnd = { cause: 'violation', message: 'used more than 512 MB' };

async function told(events: AsyncIterable<HarnessEvent>, ended: Promise<MachineEnd> = NEVER) {
  const seen: string[] = [];
  for await (const event of oneByOne(guardTurn(eachAlone(events), ended))) {
    if (event.type === 'error') seen.push(`error ${event.code} ${event.message}`);
    else if (event.type === 'end') seen.push(`end ${event.stopReason}`);
    else seen.push(event.type);
  }
  return seen;
}

const text: HarnessEvent = { type: 'text', text: 'a' };
const end: HarnessEvent = { type: 'end', stopReason: 'end_turn' };
const exited: HarnessEvent = {
  type: 'error',
  code: 'harness_exited',
  message: 'it ended',
  retryable: true,
};

test('a good turn passes unchanged, and nothing comes after its end', async () => {
  expect(
    await told(
      (async function* () {
        yield text;
        yield end;
        yield text;
      })(),
    ),
  ).toEqual(['text', 'end end_turn']);
});

test('an adapter that throws, or stops without an end, ends visibly', async () => {
  expect(
    await told(
      (async function* () {
        yield text;
        throw new Error('lost my way');
      })(),
    ),
  ).toEqual(['text', 'error internal lost my way', 'end error']);
  expect(
    await told(
      (async function* () {
        yield text;
      })(),
    ),
  ).toEqual(['text', 'error internal The adapter broke off without an end.', 'end error']);
});

test('a limit that ended the harness is named, also when it is known a moment later', async () => {
  const dies = async function* (): AsyncGenerator<HarnessEvent> {
    yield exited;
    yield { type: 'end', stopReason: 'error' };
  };
  const expected = ['error sandbox_limit used more than 512 MB', 'end error'];
  expect(await told(dies(), Promise.resolve(VIOLATION))).toEqual(expected);
  const later = new Promise<MachineEnd>((resolve) => setTimeout(() => resolve(VIOLATION), 30));
  expect(await told(dies(), later)).toEqual(expected);
  expect(await told(dies())).toEqual(['error harness_exited it ended', 'end error']);
});

test('a turn that a limit broke off is no success', async () => {
  const quiet = async function* () {
    yield text;
    await Promise.resolve();
    yield end;
  };
  expect(await told(quiet(), Promise.resolve(VIOLATION))).toEqual([
    'text',
    'error sandbox_limit used more than 512 MB',
    'end error',
  ]);
});

test('an adapter that never notices the end of its sandbox is not waited for', async () => {
  const deaf: AsyncIterable<HarnessEvent> = {
    [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined) }),
  };
  const gone = Promise.resolve<MachineEnd>({ cause: 'exited', message: 'gone' });
  expect(await told(deaf, gone)).toEqual([
    expect.stringMatching(/^error harness_exited/),
    'end error',
  ]);
});

test('a listener that goes away ends the adapter', async () => {
  let closed = false;
  const events = (async function* () {
    try {
      for (;;) yield text;
    } finally {
      closed = true;
    }
  })();
  for await (const _ of guardTurn(eachAlone(events), NEVER)) break;
  await Promise.resolve();
  expect(closed).toBe(true);
});
