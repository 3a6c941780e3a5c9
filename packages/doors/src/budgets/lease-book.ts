import type { SpendSubject } from '@karta/protocol';
import type { Logger } from 'pino';
import { STALE_MS } from '../limits.ts';
import { amountsAhead } from './ask-ahead.ts';
import { AskQueue } from './ask-queue.ts';
import type { Cap, Taken, ToldCap } from './cap.ts';
import {
  type Clock,
  elapsed,
  type Instant,
  systemClock,
  unlessAborted,
  withinMs,
} from './clock.ts';
import { type Amounts, amountsAt, counted, type Demand } from './demand.ts';
import type { EpochCount } from './epoch-count.ts';
import { leastOf, mayComeBack, tightest } from './lacking.ts';
import { type Asked, type LeaseControl, LeaseLink, type LeaseTotals } from './lease-link.ts';
import { ASKS_PER_CALL, KNOWN_MS, LEFT_MS, SETTLE_WAIT_MS } from './limits.ts';
import { type KnownSubject, OrgBook, subjectKey } from './org-book.ts';
import { type Plan, planCall, type View } from './plan.ts';
import { Reservation } from './reservation.ts';

/** Why a call may not be sent. */
export type Refused =
  /** The cap does not cover its input and the least output. */
  | { refused: 'exhausted'; cap: ToldCap }
  /** A cap on cost rules, and nobody has a price for the model. */
  | { refused: 'unpriced'; cap: ToldCap }
  /** The blocks at hand do not cover it, and nobody can lease more. */
  | { refused: 'unavailable' };

/** Whom a reservation is for, and how. */
export interface Asking {
  subject: SpendSubject;
  /** Without one nothing can be asked for: only what is at hand counts. */
  grant: string | null;
  /** Of a model without a price under a cap on cost. */
  unpriced: 'refuse' | 'count';
  /** Whoever waits has gone away. */
  signal?: AbortSignal;
}

export interface LeaseBookOptions {
  control: LeaseControl;
  totals: LeaseTotals;
  /** Counts the starts of this node's doors. */
  epochs: EpochCount;
  log: Pick<Logger, 'warn' | 'error'>;
  clock?: Clock;
  /** How long what is known counts while the control plane does not answer, in milliseconds. */
  staleMs?: number;
}

interface Org {
  book: OrgBook;
  asks: AskQueue;
  /** Calls that wait for an answer: all of them are asked for. */
  waiting: number;
}

const NOTHING: Amounts = { input_tokens: 0n, output_tokens: 0n, cost: 0n };
const ASKS_NOTHING = { minimum: NOTHING, needed: NOTHING };

/** What was told of a window that is over meanwhile says nothing of the one that a call begins in. */
function ofNow(view: View, caps: readonly Cap[], at: number): View {
  return view === 'asked' && caps.some((cap) => cap.windowEndMs <= at) ? 'cached' : view;
}

/**
 * The budgets of all orgs on this node: blocks of their caps, leased from the control plane, from
 * which each call takes the most that it can cost before it is sent. What a node takes is never more
 * than it has leased, so that all nodes together stay within every cap.
 */
export class LeaseBook {
  readonly link: LeaseLink;
  readonly #clock: Clock;
  readonly #staleMs: number;
  readonly #orgs = new Map<string, Org>();

  constructor(options: LeaseBookOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#staleMs = options.staleMs ?? STALE_MS;
    this.link = new LeaseLink(options.control, this.#clock, options, options.log);
  }

  /** Takes what a call may cost from every cap that covers it, or says why it may not be sent. */
  async reserve(asking: Asking, demand: Demand): Promise<Reservation | Refused> {
    const org = this.#org(asking.subject.org_id);
    const begun = this.#clock.instant();
    let now = begun;
    let view: View = 'cached';
    for (let asks = 0; asks < ASKS_PER_CALL; now = this.#clock.instant()) {
      const known = this.#known(org, asking.subject, now, view);
      const caps = known?.caps ?? [];
      const at = this.#beginning(caps, now);
      view = ofNow(view, caps, at);
      const unpriced = this.#unpriced(asking, demand, caps, at, now);
      if (unpriced !== null) return unpriced;
      const plan: Plan =
        known === null
          ? { ask: amountsAt(demand, demand.minOutput), output: demand.wantedOutput }
          : planCall(caps, demand, view, at, now);
      if ('take' in plan) {
        const reservation = this.#take(org, caps, plan, at, now);
        this.#fetchAhead(org, asking, demand, known ?? { caps, learntAt: now }, at, now);
        return reservation;
      }
      if ('ask' in plan) {
        if (view === 'offline') return { refused: 'unavailable' };
        const ahead = () =>
          amountsAhead(caps, amountsAt(demand, plan.output), plan.ask, org.waiting);
        const needed = amountsAt(demand, demand.minOutput);
        const answered = await this.#ask(org, asking, { minimum: plan.ask, needed }, ahead);
        if (asking.signal?.aborted === true) return { refused: 'unavailable' };
        asks += answered.own ? 1 : 0;
        view = answered.ok ? 'asked' : 'offline';
        continue;
      }
      if (view === 'offline') return { refused: 'unavailable' };
      if (plan.lacking.some(({ outdated }) => outdated)) {
        // What has come back since the question was sent the next one tells of first.
        view = 'cached';
        continue;
      }
      const waited = elapsed(begun, this.#clock.instant());
      const patient = waited < SETTLE_WAIT_MS && mayComeBack(plan.lacking, demand, at, now);
      if (!patient) return { refused: 'exhausted', cap: tightest(plan.lacking).tell(at, now) };
      view = (await this.#settlement(org, asking.signal)) ? 'asked' : 'cached';
      if (asking.signal?.aborted === true) return { refused: 'unavailable' };
      if (view === 'cached') asks = 0;
    }
    return { refused: 'unavailable' };
  }

  /**
   * Whether as far as is known each cap on input covers such a call twice: then nobody need know its
   * input more closely.
   */
  hasRoom(subject: SpendSubject, demand: Demand): boolean {
    const now = this.#clock.instant();
    const known = this.#known(this.#org(subject.org_id), subject, now, 'cached');
    if (known === null) return false;
    const at = this.#beginning(known.caps, now);
    const least = amountsAt(demand, demand.minOutput);
    return known.caps.every(
      (cap) =>
        cap.metric === 'output_tokens' ||
        cap.available(at, now) + cap.left >= 2n * counted(cap.metric, least),
    );
  }

  /** Whether a turn may begin: no cap that covers the subject is used up. */
  async check(asking: Omit<Asking, 'unpriced'>): Promise<Refused | null> {
    const org = this.#org(asking.subject.org_id);
    let view: View = 'cached';
    for (let asks = 0; asks < ASKS_PER_CALL; asks += 1) {
      const now = this.#clock.instant();
      const known = this.#known(org, asking.subject, now, view);
      if (known !== null) {
        const at = this.#beginning(known.caps, now);
        view = ofNow(view, known.caps, at);
        const left = (cap: Cap) =>
          cap.available(at, now) + cap.open + (view === 'offline' ? 0n : cap.left);
        const lacking = known.caps.filter((cap) => left(cap) < leastOf(cap));
        if (lacking.length === 0) return null;
        const final = view === 'asked' && !lacking.some(({ outdated }) => outdated);
        if (final) return { refused: 'exhausted', cap: tightest(lacking).tell(at, now) };
        if (view === 'asked') view = 'cached';
      }
      if (view !== 'cached') return { refused: 'unavailable' };
      const { ok } = await this.#ask(org, asking, ASKS_NOTHING, () => NOTHING);
      view = ok ? 'asked' : 'offline';
    }
    return { refused: 'unavailable' };
  }

  /** Forgets what is known of these orgs and gives their blocks back. */
  invalidate(orgIds: readonly string[]): void {
    for (const id of orgIds) this.#orgs.get(id)?.book.recall();
  }

  /** To be called every second or so: closes blocks, tells of them, renews the others. */
  async tend(): Promise<void> {
    const now = this.#clock.instant();
    const at = this.link.time.at(now);
    for (const [id, { book, asks, waiting }] of this.#orgs) {
      for (const cap of book.caps) cap.sweep(at, now, this.link.reached);
      book.forgetSubjects(Math.max(this.#staleMs, KNOWN_MS), now);
      // What an answer brings that nobody waits for any more must be told of as well.
      if (book.empty && waiting === 0 && asks.idle) this.#orgs.delete(id);
    }
    await this.link.report([...this.#orgs.values()].map(({ book }) => book));
  }

  /** Gives all blocks back. */
  async close(): Promise<void> {
    for (const { book } of this.#orgs.values()) book.recall();
    await this.tend();
  }

  #org(id: string): Org {
    const org = this.#orgs.get(id) ?? {
      book: new OrgBook(),
      asks: new AskQueue(this.#clock),
      waiting: 0,
    };
    this.#orgs.set(id, org);
    return org;
  }

  /** The caps of a subject; `null` when they must be asked for. */
  #known(org: Org, subject: SpendSubject, now: Instant, view: View): KnownSubject | null {
    const known = org.book.known(subject);
    if (known === null) return null;
    const goodMs = view === 'offline' ? this.#staleMs : KNOWN_MS;
    return elapsed(known.learntAt, now) < goodMs ? known : null;
  }

  /** When a call begins that begins now: in the windows of the blocks at hand. */
  #beginning(caps: readonly Cap[], now: Instant): number {
    return caps.reduce((at, cap) => Math.max(at, cap.windowStartMs()), this.link.time.at(now));
  }

  #unpriced(
    { unpriced }: Asking,
    demand: Demand,
    caps: readonly Cap[],
    at: number,
    now: Instant,
  ): Refused | null {
    if (demand.price !== null || unpriced === 'count') return null;
    const cap = caps.find(({ metric }) => metric === 'cost');
    return cap === undefined ? null : { refused: 'unpriced', cap: cap.tell(at, now) };
  }

  #take(
    org: Org,
    caps: readonly Cap[],
    { take: amounts, output }: Extract<Plan, { take: Amounts }>,
    at: number,
    now: Instant,
  ): Reservation {
    const parts: Taken[] = [];
    for (const cap of caps) cap.take(counted(cap.metric, amounts), at, now, parts);
    return new Reservation({ at, output, amounts, caps }, parts, org.book);
  }

  /** Asks for the next blocks before these run dry, and what is known before it is old. */
  #fetchAhead(
    org: Org,
    asking: Asking,
    demand: Demand,
    { caps, learntAt }: KnownSubject,
    at: number,
    now: Instant,
  ): void {
    const old = elapsed(learntAt, now) > KNOWN_MS / 2;
    const low = caps.filter((cap) => cap.left > 0n && !cap.covers(cap.low, at, now));
    if (!old && low.length === 0) return;
    if (org.asks.running(subjectKey(asking.subject)) !== null) return;
    const ahead = () =>
      low.length === 0
        ? NOTHING
        : amountsAhead(low, amountsAt(demand, demand.wantedOutput), NOTHING, org.waiting);
    void this.#ask(org, asking, ASKS_NOTHING, ahead);
  }

  /** Asks the control plane, or waits for who asks for the same subject. */
  async #ask(
    org: Org,
    { subject, grant, signal }: Omit<Asking, 'unpriced'>,
    { minimum, needed }: Pick<Asked, 'minimum' | 'needed'>,
    ahead: () => Amounts,
  ): Promise<{ ok: boolean; own: boolean }> {
    const key = subjectKey(subject);
    const running = org.asks.running(key);
    if (running === null && grant === null) return { ok: false, own: true };
    const wanted = running === null ? ahead() : NOTHING;
    org.waiting += 1;
    const asking =
      running ??
      org.asks.ask(key, () =>
        this.link.ask(org.book, subject, grant ?? '', { minimum, wanted, needed }),
      );
    try {
      return { ok: await unlessAborted(asking, signal), own: running === null };
    } finally {
      org.waiting -= 1;
    }
  }

  /** Whether a call of the org was settled before what is left is told anew. */
  #settlement(org: Org, signal: AbortSignal | undefined): Promise<boolean> {
    const settled = org.book.nextSettlement().then(() => true);
    return withinMs(this.#clock, LEFT_MS, settled, signal);
  }
}
