import {
  addUsage,
  NO_USAGE,
  type TurnRefusal,
  type TurnUsageAnswer,
  type Usage,
} from '@karta/protocol';
import { CHANNEL_TURNS, CLOSED_TURNS, TURN_CLOSE_MS, TURN_WAIT_MS } from '../limits.ts';
import type { ModelNames } from './fallback-count.ts';
import { FallbackCount } from './fallback-count.ts';
import type { Booked, MeteredCall } from './metered-call.ts';

/** What is counted of a call, however often it is tried. */
export type CountedCall = Pick<MeteredCall, 'booked'>;

/** Books the calls of one channel on the turn that was open when each began. */
export class TurnLedger {
  private readonly turns = new Map<string, OpenTurn>();
  private readonly closed = new Map<string, Promise<TurnUsageAnswer>>();
  private current: OpenTurn | null = null;
  private readonly waiting = new Set<() => void>();

  /**
   * Calls that begin from now on belong to `turnId`. Beyond {@link CHANNEL_TURNS} open turns the
   * oldest is closed: a caller that lost track of it can still ask for its totals.
   */
  open(turnId: string): void {
    const turn = this.turns.get(turnId) ?? new OpenTurn(turnId);
    this.current = turn;
    this.turns.set(turnId, turn);
    const [oldest] = this.turns.keys();
    if (oldest !== undefined && this.turns.size > CHANNEL_TURNS) this.close(oldest);
    for (const go of this.waiting) go();
  }

  /**
   * A call is about to begin: resolves when a turn is open, after {@link TURN_WAIT_MS} at the latest.
   * `null` when there is nothing to wait for.
   */
  turnSoon(): Promise<void> | null {
    if (this.current !== null) return null;
    return new Promise((resolve) => {
      const go = () => {
        clearTimeout(timer);
        this.waiting.delete(go);
        resolve();
      };
      const timer = setTimeout(go, TURN_WAIT_MS);
      this.waiting.add(go);
    });
  }

  /**
   * A call of the turn that is open was refused for good. It stands until a call that begins later
   * is answered.
   */
  refused(refusal: TurnRefusal): void {
    this.current?.refuse(refusal);
  }

  /** A call begins. */
  begin(call: CountedCall): CallBooking {
    return (this.current ?? UNATTRIBUTED).begin(call);
  }

  /**
   * Closes a turn: waits for its calls in flight, at most {@link TURN_CLOSE_MS}, then tells the
   * totals. Closing it again tells the same. `null` for a turn that was never open.
   */
  close(turnId: string): Promise<TurnUsageAnswer> | null {
    const turn = this.turns.get(turnId);
    if (turn === undefined) return this.closed.get(turnId) ?? null;
    this.turns.delete(turnId);
    if (this.current === turn) this.current = null;
    const answer = turn.close();
    this.closed.set(turnId, answer);
    if (this.closed.size > CLOSED_TURNS) {
      const oldest = this.closed.keys().next();
      if (!oldest.done) this.closed.delete(oldest.value);
    }
    return answer;
  }
}

/** A call's place in the books. */
export interface CallBooking {
  /** `null`: booked on no turn. */
  readonly turnId: string | null;
  /** A provider answered the call. */
  answered(): void;
  /** Another model answered it than the one that was asked for. */
  fellBack(asked: ModelNames, served: ModelNames): void;
  /** The call was refused for good. */
  refused(refusal: TurnRefusal): void;
  /** The call is over. `cost` in picodollars; `null` where it is not known. */
  finish(cost: bigint | null): Settled;
}

/** What a call cost, and where it was booked. */
export interface Settled {
  /** Booked on the turn. */
  onTurn: Usage;
  /** Booked nowhere: no turn was open, or the call outlived the closing of its turn. */
  offTurn: Usage;
  estimated: boolean;
}

/** A call's place on a turn. One object: a function for each of its ends would be four more. */
class TurnBooking implements CallBooking {
  private readonly turn: OpenTurn;
  private readonly call: CountedCall;
  private readonly number: number;

  constructor(turn: OpenTurn, call: CountedCall, number: number) {
    this.turn = turn;
    this.call = call;
    this.number = number;
  }

  get turnId(): string {
    return this.turn.id;
  }

  answered(): void {
    this.turn.answered(this.number);
  }

  fellBack(asked: ModelNames, served: ModelNames): void {
    this.turn.fellBack(asked, served);
  }

  refused(refusal: TurnRefusal): void {
    this.turn.refuse(refusal);
  }

  finish(cost: bigint | null): Settled {
    return this.turn.finish(this.call, cost);
  }
}

class OpenTurn {
  readonly id: string;
  /**
   * A few. No set: V8 has each table of a set, which lists what was in it, lead to the next one, so
   * that a table which has grown old keeps all calls after it until the next full collection.
   */
  private readonly inFlight: CountedCall[] = [];
  /** What calls had cost when the turn's totals were told while they still ran. */
  private readonly told = new Map<CountedCall, Usage>();
  private usage: Usage = NO_USAGE;
  /** `null` once the cost of a call is not known. */
  private cost: bigint | null = 0n;
  private calls = 0;
  private estimated = 0;
  private readonly fallbacks = new FallbackCount();
  /** Counts calls, so that an answer is known to be to an older one than what was refused. */
  private begun = 0;
  private refusal: { told: TurnRefusal; atCall: number } | null = null;
  private onIdle: (() => void) | null = null;

  constructor(id: string) {
    this.id = id;
  }

  begin(call: CountedCall): CallBooking {
    this.inFlight.push(call);
    this.calls += 1;
    this.begun += 1;
    return new TurnBooking(this, call, this.begun);
  }

  /** The call of this number was answered. */
  answered(number: number): void {
    if (this.refusal !== null && this.refusal.atCall < number) this.refusal = null;
  }

  fellBack(asked: ModelNames, served: ModelNames): void {
    this.fallbacks.add(asked, served);
  }

  refuse(told: TurnRefusal): void {
    this.refusal = { told, atCall: this.begun };
  }

  finish(call: CountedCall, cost: bigint | null): Settled {
    const booked = call.booked();
    const { usage, estimated } = booked;
    const told = this.told.get(call);
    if (told !== undefined) return { onTurn: told, offTurn: grown(told, usage), estimated };
    const at = this.inFlight.indexOf(call);
    if (at !== -1) this.inFlight.splice(at, 1);
    this.add(booked, cost);
    if (this.inFlight.length === 0) this.onIdle?.();
    return { onTurn: usage, offTurn: NO_USAGE, estimated };
  }

  async close(): Promise<TurnUsageAnswer> {
    if (this.inFlight.length > 0) await this.idle();
    for (const call of this.inFlight) {
      const booked = call.booked();
      this.told.set(call, booked.usage);
      this.add(booked, null);
    }
    const { id, usage, calls, estimated } = this;
    const refusal = this.refusal?.told ?? null;
    const cost = this.cost?.toString() ?? null;
    const fallbacks = this.fallbacks.told();
    return { turn_id: id, usage, calls, estimated_calls: estimated, cost, fallbacks, refusal };
  }

  private idle(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, TURN_CLOSE_MS);
      this.onIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  private add({ usage, estimated }: Booked, cost: bigint | null): void {
    this.usage = addUsage(this.usage, usage);
    this.cost = this.cost === null || cost === null ? null : this.cost + cost;
    if (estimated) this.estimated += 1;
  }
}

/** Where calls are booked while no turn is open. */
const UNATTRIBUTED = {
  begin: (call: CountedCall): CallBooking => ({
    turnId: null,
    answered: () => {},
    fellBack: () => {},
    refused: () => {},
    finish: () => {
      const { usage, estimated } = call.booked();
      return { onTurn: NO_USAGE, offTurn: usage, estimated };
    },
  }),
};

/** How much more `after` is than `before`, each count at least 0. */
function grown(before: Usage, after: Usage): Usage {
  const more = (key: keyof Usage) => Math.max(0, after[key] - before[key]);
  return {
    input_tokens: more('input_tokens'),
    cache_read_tokens: more('cache_read_tokens'),
    cache_write_tokens: more('cache_write_tokens'),
    output_tokens: more('output_tokens'),
    total_tokens: more('total_tokens'),
  };
}
