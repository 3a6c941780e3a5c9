import type { SpendCharge } from '@karta/protocol';
import type { Cap, Taken } from './cap.ts';
import { type Amounts, counted } from './demand.ts';
import type { OrgBook } from './org-book.ts';

/** What one call may take, taken from every cap that covers it. */
export class Reservation {
  /** When the call began by the control plane's clock, ms since 1970: in the window of each block. */
  readonly at: number;
  /** The output limit to send. */
  readonly output: number;
  /** What the call takes at the most. */
  readonly amounts: Amounts;
  readonly #caps: readonly Cap[];
  readonly #parts: readonly Taken[];
  readonly #book: Pick<OrgBook, 'settled'>;
  #settled: SpendCharge[] | null = null;

  constructor(
    of: { at: number; output: number; amounts: Amounts; caps: readonly Cap[] },
    parts: readonly Taken[],
    book: Pick<OrgBook, 'settled'>,
  ) {
    this.at = of.at;
    this.output = of.output;
    this.amounts = of.amounts;
    this.#caps = of.caps;
    this.#parts = parts;
    this.#book = book;
  }

  /** Whether any cap covers the call. */
  get ruled(): boolean {
    return this.#caps.length > 0;
  }

  /** Whether its output must be limited: not where only input is counted. */
  get limitsOutput(): boolean {
    return this.#caps.some(({ metric }) => metric !== 'input_tokens');
  }

  /** What it has taken of each lease, as long as it is not settled. */
  charges(): SpendCharge[] {
    return this.#parts.map((part) => chargeOf(part, part.amount));
  }

  /**
   * The call took this much. Of several blocks of one cap the first pays first; what is more than
   * was reserved, the last. Settling it again changes nothing.
   */
  settle(actual: Amounts): SpendCharge[] {
    if (this.#settled !== null) return this.#settled;
    const charges: SpendCharge[] = [];
    let cap: Cap | null = null;
    let owed = 0n;
    let next = 0;
    for (const part of this.#parts) {
      next += 1;
      if (part.cap !== cap) {
        cap = part.cap;
        owed = counted(cap.metric, actual);
      }
      const last = this.#parts[next]?.cap !== cap;
      const amount = last || owed < part.amount ? owed : part.amount;
      part.block.settle(part.amount, amount);
      if (amount > 0n) {
        owed -= amount;
        charges.push(chargeOf(part, amount));
      }
    }
    this.#settled = charges;
    this.#book.settled();
    return charges;
  }
}

function chargeOf({ cap, block }: Taken, amount: bigint): SpendCharge {
  return {
    lease_id: block.leaseId,
    budget_id: cap.budgetId,
    window_start: block.windowStart,
    amount: amount.toString(),
  };
}
