import { getHeapSpaceStatistics } from 'node:v8';
import { NOT_BILLED } from '../metering/metered-call.ts';
import { TurnLedger } from '../metering/turn-ledger.ts';

/**
 * A program for `node --expose-gc`: books calls that come and go, some at once, and prints how many
 * bytes of each outlived the collections of the young generation when it was over.
 */
const CALLS = 10_000;
const AT_ONCE = 16;
/** What a call holds, in numbers of 8 bytes. */
const NUMBERS = 128;
const CALLS_PER_COLLECTION = 500;

const { gc } = globalThis;
if (gc === undefined) throw new Error('run it with --expose-gc');

const ledger = new TurnLedger();
ledger.open('turn_1');
const running: (() => void)[] = [];
let asked = 0;
const before = oldBytes();
for (let call = 0; call < CALLS; call += 1) {
  const held = new Array(NUMBERS).fill(call);
  const booked = () => {
    asked += held.length;
    return NOT_BILLED;
  };
  const booking = ledger.begin({ booked });
  running.push(() => void booking.finish(0n));
  if (running.length === AT_ONCE) running.shift()?.();
  if (call % CALLS_PER_COLLECTION === 0) gc({ type: 'minor' });
}
if (asked === 0) throw new Error('no call was over');
console.log(Math.round((oldBytes() - before) / CALLS));

function oldBytes(): number {
  const old = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space');
  if (old === undefined) throw new Error('this engine has no old space');
  return old.space_used_size;
}
