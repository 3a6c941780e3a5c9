import { newId } from '@karta/protocol';
import type { PricedCall } from '../budgets/priced-call.ts';
import type { Journal, Settlement } from '../journal/journal.ts';
import type { BegunCall } from '../journal/line.ts';
import type { MeteredCall } from '../metering/metered-call.ts';
import type { Channel } from './channel.ts';

/** A billed call's entry in the journal, from before it is sent to what it cost. */
export class JournalEntry {
  readonly #journal: Journal;
  readonly #meter: MeteredCall;
  readonly #priced: PricedCall;
  readonly #call: BegunCall;
  #settled: Promise<void> | null = null;
  #exceeded = false;
  #cost: bigint | null = null;

  /**
   * Writes down that the call is about to be sent, with all that it may take where a cap rules: that
   * survives a power failure. Throws `JournalUnavailable`.
   */
  static async begin(
    journal: Journal,
    meter: MeteredCall,
    priced: PricedCall,
    of: { channel: Channel; turnId: string | null; provider: string; model: string },
  ): Promise<JournalEntry> {
    const booked = meter.booked();
    const { usage } = booked;
    const call: BegunCall = {
      id: newId('call'),
      org_id: of.channel.orgId,
      project_id: of.channel.projectId,
      session_id: of.channel.sessionId ?? '',
      turn_id: of.turnId,
      payer: of.channel.spending.payer,
      org_grant: of.channel.spending.orgGrant,
      provider: of.provider,
      model: of.model,
      input_tokens: usage.input_tokens,
      cache_read_tokens: usage.cache_read_tokens,
      cache_write_tokens: usage.cache_write_tokens,
      output_tokens: usage.output_tokens,
      estimated: true,
      paid_by: priced.paidBy,
      spend: priced.begun(booked),
      at: isoTime(priced.at),
    };
    try {
      await journal.begin(call, priced.reserved);
    } catch (error) {
      // It is not sent, so what it had taken returns.
      priced.settle(null);
      throw error;
    }
    return new JournalEntry(journal, meter, priced, call);
  }

  private constructor(journal: Journal, meter: MeteredCall, priced: PricedCall, call: BegunCall) {
    this.#journal = journal;
    this.#meter = meter;
    this.#priced = priced;
    this.#call = call;
  }

  get id(): string {
    return this.#call.id;
  }

  /** Whether the provider counted more than the limits it was sent. Known once it is settled. */
  get exceeded(): boolean {
    return this.#exceeded;
  }

  /** What it cost, in picodollars, once it is settled; `null` where its model has no price. */
  get cost(): bigint | null {
    return this.#cost;
  }

  /**
   * Writes down what the call costs now, once, however often it is asked for. Resolves when that is
   * on the disk.
   */
  settle(): Promise<void> {
    this.#settled ??= this.#journal.settle(this.#call, this.#settlement(), this.#priced.reserved);
    return this.#settled;
  }

  /**
   * What the caps get back is free for other calls at once: their lines come after this one, so no
   * crash leaves both.
   */
  #settlement(): Settlement {
    const booked = this.#meter.billed ? this.#meter.booked() : null;
    const spend = this.#priced.settle(booked);
    if (booked === null || spend === null) {
      this.#cost = 0n;
      return null;
    }
    this.#exceeded = spend.exceeded;
    this.#cost = spend.cost === null ? null : BigInt(spend.cost);
    return { usage: booked.usage, estimated: booked.estimated, spend };
  }
}

let latest = { ms: 0, text: new Date(0).toISOString() };

/** A moment as text. Many calls begin in one millisecond. */
function isoTime(at: Date): string {
  const ms = at.getTime();
  if (ms !== latest.ms) latest = { ms, text: at.toISOString() };
  return latest.text;
}
