import type { HarnessEvent } from '@karta/harness';
import type { TurnRefusal } from '@karta/protocol';

type Told = Exclude<HarnessEvent, { type: 'end' }>;
type End = Extract<HarnessEvent, { type: 'end' }>;

/**
 * The events of a turn whose model calls may be refused by the doors. What the harness says of a
 * provider's error is held back until more comes or the turn ends: when the doors have refused, they
 * know the reason, and the harness only saw some error.
 */
export class Refusable {
  #held: Told[] = [];

  /** What may be told of these now, in order. */
  take(events: readonly HarnessEvent[]): Told[] {
    const told: Told[] = [];
    for (const event of events) {
      if (event.type === 'end') continue;
      if (event.type === 'error' && event.code.startsWith('provider_')) this.#held.push(event);
      else told.push(...this.#released(), event);
    }
    return told;
  }

  /** The last events and how the turn ends. A turn that ended well or was cancelled stays so. */
  end(end: End, refusal: TurnRefusal | null): { told: Told[]; end: End } {
    if (refusal === null || end.stopReason !== 'error') return { told: this.#released(), end };
    const { code, message, provider } = refusal;
    const error: Told = {
      type: 'error',
      code,
      message,
      retryable: code === 'control_unavailable',
      ...(provider === null ? {} : { provider }),
    };
    const stopReason = code === 'budget_exhausted' ? code : 'error';
    return { told: [error], end: { ...end, stopReason } };
  }

  #released(): Told[] {
    const held = this.#held;
    this.#held = [];
    return held;
  }
}
