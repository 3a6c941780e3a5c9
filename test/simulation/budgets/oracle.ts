import type { SpendSubject } from '@karta/protocol';
import { costOf } from '@karta/protocol';
import { LEFT_SHARE } from '../../../packages/control-plane/src/budgets/block-size.ts';
import { windowAt } from '../../../packages/control-plane/src/budgets/window.ts';
import { type Amounts, amountsAt } from '../../../packages/doors/src/budgets/demand.ts';
import { boundCall } from '../../../packages/doors/src/wire/bound-call.ts';
import type { SimulatedControl } from './control.ts';
import type { SimulatedNode } from './node.ts';
import type { BookPrice } from './prices.ts';
import type { Bill, ScriptedProvider } from './provider.ts';
import { amountOf, placeKey, placesOf, type TrueCall, type Truth } from './truth.ts';

const ROUTE = {
  family: 'anthropic',
  name: 'messages',
  path: '/v1/messages',
  query: '',
  billed: true,
} as const;

const METRICS = ['input_tokens', 'output_tokens', 'cost'] as const;

/** What was to hold, and did not. */
export class Violation extends Error {}

function amountsOf(
  { input, output }: Pick<Bill, 'input' | 'output'>,
  { price }: BookPrice,
): Amounts {
  const counts = { input_tokens: input, output_tokens: output };
  const cost = costOf(price, { ...counts, cache_read_tokens: 0, cache_write_tokens: 0 });
  return { input_tokens: BigInt(input), output_tokens: BigInt(output), cost };
}

function lesser(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

/**
 * No cap is ever passed by what the provider bills, save by what it took beyond the limit that it
 * was sent. A limit that was lowered binds what begins later; here the highest that it was counts.
 */
export function checkCaps(
  control: SimulatedControl,
  provider: ScriptedProvider,
  truth: Truth,
): void {
  const billed = new Map<string, bigint>();
  for (const call of truth.calls.values()) {
    const bill = provider.bills.get(call.id);
    if (bill === undefined) continue;
    const amounts = amountsOf(bill, call.priced);
    for (const place of placesOf(control.budgets, call.subject, call.at)) {
      const { metric, id } = place.budget;
      const whole = amountOf(metric, amounts);
      const amount = bill.brokeLimit ? lesser(whole, amountOf(metric, call.reserved)) : whole;
      const key = placeKey(place);
      const sum = (billed.get(key) ?? 0n) + amount;
      billed.set(key, sum);
      const limit = truth.limits.get(id) ?? 0n;
      if (sum > limit) throw new Violation(`${key}: ${sum} were billed of a cap of ${limit}`);
    }
  }
}

/**
 * A call was refused for want of money: some cap that covers it must truly not cover its input and
 * the least output, by what the control plane could lease at this moment and the node has at hand.
 */
export async function checkRefusal(
  control: SimulatedControl,
  truth: Truth,
  node: SimulatedNode,
  refused: { subject: SpendSubject; body: Buffer; now: number; priced: BookPrice },
): Promise<void> {
  const bound = boundCall(ROUTE, refused.body);
  if ('problem' in bound) throw new Violation(bound.problem);
  const { minOutput } = bound;
  const least = amountsAt({ ...bound, price: refused.priced.price }, minOutput);
  const windows = await control.windows();
  const places = placesOf(control.budgets, refused.subject, new Date(refused.now));
  const lacks = places.some((place) => {
    const { budget, scopeId, start } = place;
    const booked = windows.find(
      (one) =>
        one.budgetId === budget.id &&
        one.scopeId === scopeId &&
        one.start.getTime() === start.getTime(),
    );
    const left = BigInt(budget.cap) - (booked?.spent ?? 0n) - (booked?.held ?? 0n);
    const own = restOfNode(truth, node, placeKey(place));
    const told = truth.toldLeft.get(node.id)?.get(placeKey(place));
    // What came home while the answer was on its way the node could not know.
    const known = told !== undefined && told < left ? told : left;
    return known + own < amountOf(budget.metric, least);
  });
  if (!lacks) {
    throw new Violation(`${node.id} refused a call at ${refused.now} that every cap covers`);
  }
}

/** What the node's own blocks of a window still have. */
function restOfNode(truth: Truth, node: SimulatedNode, place: string): bigint {
  let rest = 0n;
  for (const [id, lease] of truth.leases) {
    if (lease.node !== node.id || lease.incarnation !== node.incarnation) continue;
    if (lease.place !== place || truth.returned.has(id)) continue;
    const left = lease.amount - truth.takenOf(id);
    if (left > 0n) rest += left;
  }
  return rest;
}

/** A block near the cap is a call's minimum, or the documented share of what was left. */
export function checkBlock(lease: { amount: bigint; left: bigint; minimum: bigint }): void {
  const { amount, left, minimum } = lease;
  const share = (left + amount) / LEFT_SHARE;
  if (amount > minimum && amount > share) {
    throw new Violation(`a block of ${amount} where ${left + amount} were left`);
  }
}

/**
 * Once all is at rest: each call that the provider bills is one usage event with what it told, or
 * more where it told nothing; nothing else is; what each cap has spent is the sum of its events; and
 * no block holds anything.
 */
export async function checkBooks(
  control: SimulatedControl,
  provider: ScriptedProvider,
  truth: Truth,
): Promise<void> {
  const events = new Map((await control.events()).map((event) => [event.id, event]));
  const spent = new Map<string, bigint>();
  for (const call of truth.calls.values()) {
    checkCharges(control, call);
    const event = events.get(call.id);
    events.delete(call.id);
    const bill = provider.bills.get(call.id);
    if (event === undefined) {
      if (bill === undefined && (call.free || call.lost)) continue;
      throw new Violation(`${call.id} of ${call.node} is in no book (lost: ${call.lost})`);
    }
    if (event.price_version !== call.priced.book.version) {
      throw new Violation(`${call.id} is booked at the prices of ${event.price_version}`);
    }
    const tokens = { input: Number(event.input_tokens), output: Number(event.output_tokens) };
    const booked = amountsOf(tokens, call.priced);
    const cost = BigInt(event.cost ?? 0);
    checkEvent(call, bill, { ...booked, cost }, event.estimated);
    checkSettled(call, { ...booked, cost }, event.estimated);
    if (event.at.getTime() !== call.at.getTime()) {
      throw new Violation(`${call.id} began at ${call.at.toISOString()}, not when it is booked`);
    }
    for (const place of placesOf(control.budgets, call.subject, call.at)) {
      const key = placeKey(place);
      const amount = amountOf(place.budget.metric, { ...booked, cost });
      spent.set(key, (spent.get(key) ?? 0n) + amount);
    }
  }
  const [more] = events.keys();
  if (more !== undefined) throw new Violation(`${more} is booked, and was never made`);
  for (const { budgetId, scopeId, start, spent: booked, held } of await control.windows()) {
    const key = `${budgetId} ${scopeId} ${start.toISOString()}`;
    const sum = spent.get(key) ?? 0n;
    if (booked !== sum) throw new Violation(`${key}: ${booked} spent, ${sum} by its events`);
    if (held !== 0n) throw new Violation(`${key}: ${held} are held by blocks of nobody`);
  }
}

/** A call takes from blocks of the window in which it begins. */
function checkCharges(control: SimulatedControl, { id, at, charges }: TrueCall): void {
  for (const { budget_id, window_start } of charges) {
    const budget = control.budgets.find((one) => one.id === budget_id);
    if (budget === undefined) throw new Violation(`${id} took from a cap that there is not`);
    const { start } = windowAt(budget.period, at);
    if (start.getTime() !== Date.parse(window_start)) {
      throw new Violation(`${id} of ${at.toISOString()} took from the window of ${window_start}`);
    }
  }
}

/** What was settled stays as it was, also when its doors end before anybody is told. */
function checkSettled(
  { id, settled, lost, estimated }: TrueCall,
  booked: Amounts,
  isEstimated: boolean,
): void {
  if (settled === null || lost) return;
  if (isEstimated !== estimated) throw new Violation(`${id} was settled, and is an estimate`);
  for (const metric of METRICS) {
    if (booked[metric] === settled[metric]) continue;
    throw new Violation(`${id}: ${booked[metric]} ${metric} booked, ${settled[metric]} settled`);
  }
}

function checkEvent(
  call: TrueCall,
  bill: Bill | undefined,
  booked: Amounts,
  estimated: boolean,
): void {
  // What nobody told of a call that broke its limit nobody can know.
  if (estimated && bill?.brokeLimit === true) return;
  const billed = bill === undefined ? null : amountsOf(bill, call.priced);
  for (const metric of METRICS) {
    const due = billed?.[metric] ?? 0n;
    if (estimated ? booked[metric] < due : booked[metric] !== due) {
      throw new Violation(`${call.id}: ${booked[metric]} ${metric} booked, ${due} billed`);
    }
  }
  if (!estimated && bill === undefined) throw new Violation(`${call.id} is booked, not billed`);
}
