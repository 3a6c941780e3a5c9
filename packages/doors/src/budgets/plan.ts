import type { Cap } from './cap.ts';
import type { Instant } from './clock.ts';
import { type Amounts, amountsAt, counted, type Demand, largest, outputWithin } from './demand.ts';

/**
 * Where what is left to lease is known from. `cached`: from earlier answers, good enough to lower a
 * call, never to refuse one. `asked`: the control plane has just told. `offline`: it does not
 * answer, so that only the blocks at hand count.
 */
export type View = 'cached' | 'asked' | 'offline';

/** What to do for a call. */
export type Plan =
  /** Take these amounts, with this output limit. */
  | { take: Amounts; output: number }
  /** These amounts more are needed at hand, at the least; better what this output limit takes. */
  | { ask: Amounts; output: number }
  /** These caps do not cover its input and the least output. */
  | { lacking: Cap[] };

/** How a call is served by the caps that cover it: with as much output as the tightest allows. */
export function planCall(
  caps: readonly Cap[],
  demand: Demand,
  view: View,
  at: number,
  now: Instant,
): Plan {
  const wanted = amountsAt(demand, demand.wantedOutput);
  if (caps.every((cap) => cap.covers(counted(cap.metric, wanted), at, now))) {
    return { take: wanted, output: demand.wantedOutput };
  }
  const held: Held[] = caps.map((cap) => ({ cap, available: cap.available(at, now) }));
  const lacking: Cap[] = [];
  let output = demand.wantedOutput;
  for (const { cap, available } of held) {
    if (available >= counted(cap.metric, wanted)) continue;
    if (view === 'cached' && !cap.usedUp(now)) continue;
    const reach = view === 'asked' ? available + cap.left : available;
    const within = outputWithin(cap.metric, demand, reach);
    if (within === null || within < demand.minOutput) lacking.push(cap);
    else output = Math.min(output, within);
  }
  if (lacking.length > 0 && view !== 'cached') return { lacking };
  const lowered = output !== demand.wantedOutput;
  const amounts = lowered ? amountsAt(demand, output) : wanted;
  if (lowered && lacking.length === 0 && atHand(held, amounts)) {
    return { take: amounts, output };
  }
  const deficits = deficitsOf(held, amounts);
  // What is left is not known exactly, so no more is demanded than without what nothing can be sent.
  const least =
    view === 'cached' ? deficitsOf(held, amountsAt(demand, demand.minOutput)) : deficits;
  return { ask: together(least), output };
}

/** What there is of a cap at hand. */
interface Held {
  cap: Cap;
  available: bigint;
}

function atHand(held: readonly Held[], amounts: Amounts): boolean {
  return held.every(({ cap, available }) => available >= counted(cap.metric, amounts));
}

interface Deficit {
  cap: Cap;
  deficit: bigint;
}

function deficitsOf(held: readonly Held[], amounts: Amounts): Deficit[] {
  return held.map(({ cap, available }) => ({
    cap,
    deficit: counted(cap.metric, amounts) - available,
  }));
}

/**
 * The least of each metric that helps: each cap of the largest deficit is asked for just that, so
 * that it grants it or truly lacks it. What a cap on total tokens lacks beyond is asked for as
 * tokens that no other cap lacks.
 */
function together(deficits: readonly Deficit[]): Amounts {
  const most = (metric: Cap['metric']) =>
    largest(deficits.filter(({ cap }) => cap.metric === metric).map(({ deficit }) => deficit));
  let [input, output] = [most('input_tokens'), most('output_tokens')];
  const more = most('total_tokens') - input - output;
  if (more > 0n && input === 0n) input += more;
  else if (more > 0n) output += more;
  return { input_tokens: input, output_tokens: output, cost: most('cost') };
}
