import { newId, UNPRICED } from '@karta/protocol';
import type { Journal } from '../journal/journal.ts';
import type { BegunCall } from '../journal/line.ts';
import type { MeteredCall } from '../metering/metered-call.ts';
import type { Channel } from './channel.ts';

/** A billed call's entry in the journal, from before it is sent to what it cost. */
export class JournalEntry {
  readonly #journal: Journal;
  readonly #meter: MeteredCall;
  readonly #call: BegunCall;
  #settled: Promise<void> | null = null;

  /** Writes down that the call is about to be sent. Throws `JournalUnavailable`. */
  static async begin(
    journal: Journal,
    meter: MeteredCall,
    of: { channel: Channel; turnId: string | null; provider: string; model: string },
  ): Promise<JournalEntry> {
    const { total_tokens: _, ...estimate } = meter.booked().usage;
    const call: BegunCall = {
      ...estimate,
      id: newId('call'),
      org_id: of.channel.orgId,
      project_id: of.channel.projectId,
      session_id: of.channel.sessionId ?? '',
      turn_id: of.turnId,
      payer: of.channel.spending.payer,
      provider: of.provider,
      model: of.model,
      estimated: true,
      paid_by: 'platform',
      spend: UNPRICED,
      at: new Date().toISOString(),
    };
    await journal.begin(call);
    return new JournalEntry(journal, meter, call);
  }

  private constructor(journal: Journal, meter: MeteredCall, call: BegunCall) {
    this.#journal = journal;
    this.#meter = meter;
    this.#call = call;
  }

  get id(): string {
    return this.#call.id;
  }

  /**
   * Writes down what the call costs now, once, however often it is asked for. Resolves when that is
   * on the disk.
   */
  settle(): Promise<void> {
    const meter = this.#meter;
    this.#settled ??= this.#journal.settle(this.#call, meter.billed ? meter.booked() : null);
    return this.#settled;
  }
}
