import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { NO_USAGE, type Usage, usageOf } from '@karta/protocol';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { TURN_WAIT_MS } from '../limits.ts';
import { MeteredCall } from './metered-call.ts';
import { type CallBooking, TurnLedger } from './turn-ledger.ts';

const CALLS_OVER = fileURLToPath(new URL('../testing/calls-over.ts', import.meta.url));

/** A call that cost so many tokens in and out. */
function costing(input: number, output: number): MeteredCall {
  const call = new MeteredCall('messages', 0);
  call.answered(200, 'application/json');
  const usage = { input_tokens: input, output_tokens: output };
  call.push(Buffer.from(JSON.stringify({ usage })));
  call.end();
  return call;
}

const usage = (input_tokens: number, output_tokens: number): Usage =>
  usageOf({ input_tokens, output_tokens, cache_read_tokens: 0, cache_write_tokens: 0 });

const step = fc.oneof(
  fc.record({ do: fc.constant('open' as const), turn: fc.nat(3) }),
  fc.record({ do: fc.constant('begin' as const), input: fc.nat(99), output: fc.nat(99) }),
  fc.record({ do: fc.constant('finish' as const), nth: fc.nat(5) }),
  fc.record({ do: fc.constant('close' as const), turn: fc.nat(3) }),
);

describe('the books of a channel', () => {
  it('every token is booked once: on its turn or on none', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const ledger = new TurnLedger();
        const running: CallBooking[] = [];
        const answers: Promise<{ usage: Usage }>[] = [];
        let [spent, off, on] = [0, 0, 0];
        const finish = (booking: CallBooking) => {
          const settled = booking.finish(1n);
          off += settled.offTurn.total_tokens;
          on += settled.onTurn.total_tokens;
        };
        for (const each of steps) {
          if (each.do === 'open') ledger.open(`turn_${each.turn}`);
          else if (each.do === 'begin') {
            spent += each.input + each.output;
            running.push(ledger.begin(costing(each.input, each.output)));
          } else if (each.do === 'finish') {
            for (const booking of running.splice(each.nth, 1)) finish(booking);
          } else {
            const answer = ledger.close(`turn_${each.turn}`);
            if (answer !== null && !answers.includes(answer)) answers.push(answer);
          }
        }
        running.forEach(finish);
        for (let turn = 0; turn < 4; turn += 1) {
          const answer = ledger.close(`turn_${turn}`);
          if (answer !== null && !answers.includes(answer)) answers.push(answer);
        }
        const told = (await Promise.all(answers)).map(
          ({ usage: { total_tokens } }) => total_tokens,
        );
        expect(on + off).toBe(spent);
        expect(told.reduce((sum, tokens) => sum + tokens, 0)).toBe(on);
      }),
      { numRuns: 200 },
    );
  });

  it('a call that outlives its turn is told as far as it came, the rest is booked on none', async () => {
    const ledger = new TurnLedger();
    ledger.open('turn_1');
    const call = new MeteredCall('messages', 0);
    call.answered(200, 'text/event-stream');
    const event = (data: unknown) => Buffer.from(`data: ${JSON.stringify(data)}\n\n`);
    const start = { usage: { input_tokens: 10, output_tokens: 1 } };
    call.push(event({ type: 'message_start', message: start }));
    const booking = ledger.begin(call);
    expect(await ledger.close('turn_1')).toMatchObject({
      usage: usage(10, 1),
      calls: 1,
      estimated_calls: 1,
    });
    call.push(event({ type: 'message_delta', usage: { output_tokens: 30 } }));
    expect(booking.finish(9n)).toEqual({
      onTurn: usage(10, 1),
      offTurn: usage(0, 29),
      estimated: false,
    });
  });

  it('a turn costs what its calls cost together; what one cost may not be known', async () => {
    const ledger = new TurnLedger();
    const costOf = async (turn: string, costs: (bigint | null)[]) => {
      ledger.open(turn);
      for (const cost of costs) ledger.begin(costing(1, 1)).finish(cost);
      return (await ledger.close(turn))?.cost;
    };
    expect(await costOf('turn_1', [2n ** 60n, 1n])).toBe((2n ** 60n + 1n).toString());
    expect(await costOf('turn_2', [])).toBe('0');
    expect(await costOf('turn_3', [5n, null, 7n])).toBeNull();
  });

  it('a call without a turn is booked on none', () => {
    const booking = new TurnLedger().begin(costing(3, 4));
    expect(booking.turnId).toBeNull();
    expect(booking.finish(9n)).toEqual({
      onTurn: NO_USAGE,
      offTurn: usage(3, 4),
      estimated: false,
    });
  });

  it('a call waits for its turn to open, once, and not for ever', async () => {
    vi.useFakeTimers();
    try {
      const ledger = new TurnLedger();
      const early = [ledger.turnSoon(), ledger.turnSoon()];
      ledger.open('turn_1');
      await Promise.all(early);
      expect(ledger.turnSoon()).toBeNull();
      ledger.close('turn_1');
      const between = ledger.turnSoon();
      await vi.advanceTimersByTimeAsync(TURN_WAIT_MS);
      await between;
      expect(ledger.begin(costing(1, 1)).turnId).toBeNull();
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it('totals of a turn can be asked for again, those of an unknown one never', async () => {
    const ledger = new TurnLedger();
    ledger.open('turn_1');
    ledger.begin(costing(1, 2)).finish(5n);
    const first = await ledger.close('turn_1');
    expect(first).toMatchObject({ calls: 1, usage: usage(1, 2) });
    expect(await ledger.close('turn_1')).toEqual(first);
    expect(ledger.close('turn_2')).toBeNull();
  });

  it('keeps nothing of calls that are over, not even until the next full collection', async () => {
    const run = promisify(execFile);
    const { stdout } = await run(process.execPath, ['--expose-gc', CALLS_OVER]);
    // Each holds a thousand.
    expect(Number(stdout)).toBeLessThan(500);
  });
});
