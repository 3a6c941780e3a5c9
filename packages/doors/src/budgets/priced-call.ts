import { type CallCost, costOf, type Price, type SpendCharge, type Usage } from '@karta/protocol';
import type { Booked } from '../metering/metered-call.ts';
import type { Amounts } from './demand.ts';
import type { Reservation } from './reservation.ts';

/** What a call may take at the most: it is booked at that when nobody ever tells. */
export interface CallLimits {
  input: number;
  output: number;
}

/** By which prices a call is paid, and by whom. */
export interface PriceOfCall {
  price: Price | null;
  /** Of the price book. */
  version: string;
  /** The org's own key, `pkey_…`; `null`: the platform's. */
  ownKeyId: string | null;
}

/** A call with what is known of its money: from before it is sent to what it cost. */
export class PricedCall {
  readonly #price: Price | null;
  readonly #version: string;
  readonly #ownKeyId: string | null;
  readonly #reservation: Reservation | null;
  /** Under a cap: what it was sent with. */
  readonly limits: CallLimits | null;

  readonly #onInput: ((tokens: number) => void) | null;

  /**
   * `reservation`: what it has taken from the caps that cover it; `null` without any. `onInput` is
   * told the input that the provider has counted.
   */
  constructor(
    priced: PriceOfCall,
    reserved: { reservation: Reservation; limits: CallLimits } | null,
    onInput: ((tokens: number) => void) | null = null,
  ) {
    this.#onInput = onInput;
    this.#price = priced.price;
    this.#version = priced.version;
    this.#ownKeyId = priced.ownKeyId;
    this.#reservation = reserved?.reservation ?? null;
    this.limits = reserved?.limits ?? null;
  }

  /** Whether it has taken from a cap: then it must be on disk before it is sent. */
  get reserved(): boolean {
    return this.#reservation !== null;
  }

  /** When it began. Of a call under a cap by the control plane's clock, in the window that it took from. */
  get at(): Date {
    return this.#reservation === null ? new Date() : new Date(this.#reservation.at);
  }

  get paidBy(): 'platform' | 'byok' {
    return this.#ownKeyId === null ? 'platform' : 'byok';
  }

  /** What is written down before it is sent: under a cap all that it may take. */
  begun(booked: Booked): CallCost {
    const cost = this.#reservation?.amounts.cost ?? this.#costOf(booked);
    return this.#spend(booked, cost, this.#reservation?.charges() ?? []);
  }

  /** The call is over. `null`: nobody bills it, and all that it had taken returns. */
  settle(booked: Booked | null): CallCost | null {
    if (booked === null) {
      this.#reservation?.settle({ input_tokens: 0n, output_tokens: 0n, cost: 0n });
      return null;
    }
    if (booked.inputTold) this.#onInput?.(booked.usage.input_tokens);
    const cost = this.#costOf(booked);
    const charges = this.#reservation?.settle(amountsOf(booked.usage, cost)) ?? [];
    return this.#spend(booked, cost, charges);
  }

  #spend({ usage, parts }: Booked, cost: bigint, charges: SpendCharge[]): CallCost {
    const priced = this.#price !== null;
    return {
      cost: priced ? cost.toString() : null,
      price_version: priced ? this.#version : null,
      own_key_id: this.#ownKeyId,
      charges,
      cache_write_1h_tokens: parts.cache_write_1h_tokens,
      reasoning_tokens: parts.reasoning_tokens,
      exceeded: this.#exceeded(usage, cost),
    };
  }

  /** What the provider counted, or where it did not, the most that it can have counted. */
  #costOf({ usage, parts, inputTold }: Booked): bigint {
    if (this.#price === null) return 0n;
    const cost = costOf(this.#price, {
      input_tokens: usage.input_tokens,
      cache_read_tokens: usage.cache_read_tokens,
      cache_write_tokens: usage.cache_write_tokens,
      output_tokens: usage.output_tokens,
      cache_write_1h_tokens: parts.cache_write_1h_tokens,
      reasoning_tokens: parts.reasoning_tokens,
    });
    if (this.#reservation === null || inputTold) return cost;
    // Which part of its input a cache stored nobody knows either.
    const bound = this.#reservation.amounts.cost;
    return cost > bound ? cost : bound;
  }

  #exceeded(usage: Usage, cost: bigint): boolean {
    if (this.#reservation === null || this.limits === null) return false;
    return (
      usage.input_tokens > this.limits.input ||
      usage.output_tokens > this.limits.output ||
      cost > this.#reservation.amounts.cost
    );
  }
}

function amountsOf(usage: Usage, cost: bigint): Amounts {
  return {
    input_tokens: BigInt(usage.input_tokens),
    output_tokens: BigInt(usage.output_tokens),
    cost,
  };
}
