import { KartaError, type LeaseReportBody, type SpendSubject } from '@karta/protocol';
import type { Logger } from 'pino';
import type { DoorsControl } from '../control/port.ts';
import { type Block, returnsSoFar } from './block.ts';
import { type Clock, ControlTime, elapsed, type Instant } from './clock.ts';
import { type Amounts, toWire } from './demand.ts';
import type { EpochCount } from './epoch-count.ts';
import { ALL_MS, LOST_MS, REPORT_LEASES, REPORT_MS, SKEW_MS } from './limits.ts';
import type { OrgBook } from './org-book.ts';
import { Registration } from './registration.ts';

/** The control plane, as far as leases are concerned. */
export type LeaseControl = Pick<DoorsControl, 'register' | 'lease' | 'report'>;

/** Where it is kept what was taken from each lease, beyond the end of this process. */
export interface LeaseTotals {
  /** What earlier doors of this node took, by lease: told once, under the new epoch. */
  earlier(): ReadonlyMap<string, bigint>;
  /** The control plane knows all of a lease. */
  forget(leaseId: string): void;
}

/** What is asked for a call. */
export interface Asked {
  /** What it lacks at the least, beside what is at hand. */
  minimum: Amounts;
  /** What better comes with it. */
  wanted: Amounts;
  /** What it takes in all at the least. */
  needed: Amounts;
}

/**
 * What this node and the control plane say to each other about leases. Nothing here throws: what
 * nobody answered is said again later.
 */
export class LeaseLink {
  readonly time = new ControlTime();
  /** Calls to the control plane that were answered, and those that were not. */
  readonly counts = { asks: 0, failures: 0 };
  readonly #control: LeaseControl;
  readonly #clock: Clock;
  readonly #totals: LeaseTotals;
  readonly #log: Pick<Logger, 'warn' | 'error'>;
  readonly #registration: Registration;
  #earlierTold = false;
  /** Later doors of this node have registered: these must not spend any more. */
  #fenced = false;
  #reporting: Promise<boolean> = Promise.resolve(true);
  #reached = true;
  /** When nobody answered a question for leases: what it was granted all the same nobody has. */
  #unansweredAt: Instant | null = null;
  /** When all leases that are here were last told, as all that there are. */
  #allToldAt: Instant;

  constructor(
    control: LeaseControl,
    clock: Clock,
    kept: { totals: LeaseTotals; epochs: EpochCount },
    log: Pick<Logger, 'warn' | 'error'>,
  ) {
    this.#control = control;
    this.#registration = new Registration(control, kept.epochs);
    this.#clock = clock;
    this.#totals = kept.totals;
    this.#log = log;
    this.#allToldAt = clock.instant();
  }

  /** Whether the control plane answered when it was last spoken to. */
  get reached(): boolean {
    return this.#reached;
  }

  /**
   * Asks for a share of the caps that cover `subject`, after telling what returns to them. False
   * when nobody answered.
   */
  async ask(
    org: OrgBook,
    subject: SpendSubject,
    grant: string,
    { minimum, wanted, needed }: Asked,
  ): Promise<boolean> {
    return this.#attempt(async () => {
      const epoch = await this.#registration.epoch();
      const now = this.#clock.instant();
      for (const cap of org.caps) cap.sweep(this.time.at(now), now, false);
      const asked = returnsSoFar();
      const owed = [...org.caps].flatMap(({ blocks }) => blocks).filter((block) => block.owesWord);
      if (owed.length > 0 || !this.#earlierTold) await this.#report([org], () => owed);
      const sent = this.#clock.instant();
      const { generation } = org;
      const amounts = { minimum: toWire(minimum), wanted: toWire(wanted), needed: toWire(needed) };
      const body = { epoch, subject, ...amounts };
      this.counts.asks += 1;
      const answer = await this.#control.lease(body, grant).catch((error: unknown) => {
        this.#unansweredAt = this.#clock.instant();
        throw error;
      });
      if (answer === null) throw new Error('the grant is not good for the org');
      const told = Date.parse(answer.now);
      this.time.sync(sent, told);
      const lifeOf = (expiresAt: string) => this.#life(sent, Date.parse(expiresAt) - told);
      org.learn(subject, answer.budgets, lifeOf, this.#clock.instant(), asked);
      // What was told may be older than the change that was announced meanwhile.
      if (org.generation !== generation) org.recall();
    });
  }

  /**
   * Tells of leases that were closed, and from time to time of those that go on; now and then, and
   * long after a question without an answer, of each there is. `orgs` are all that this node spends
   * for.
   */
  async report(orgs: readonly OrgBook[]): Promise<boolean> {
    const now = this.#clock.instant();
    const due = (block: Block) => block.owesWord || block.untoldMs(now) >= REPORT_MS;
    const unansweredAt = this.#unansweredAt;
    const complete =
      elapsed(this.#allToldAt, now) >= ALL_MS ||
      (unansweredAt !== null && elapsed(unansweredAt, now) >= LOST_MS);
    return this.#attempt(async () => {
      if (this.#registration.doubted && !(await this.#reaffirm(orgs))) return;
      await this.#registration.epoch();
      await this.#report(orgs, (blocks) => (complete ? blocks : blocks.filter(due)), complete);
      if (!complete) return;
      this.#allToldAt = now;
      if (this.#unansweredAt === unansweredAt) this.#unansweredAt = null;
    });
  }

  /**
   * Finds out why the control plane refuses this start. Where its database was set back, nothing that
   * was leased holds any more: all of it is given up, and asked for anew.
   */
  async #reaffirm(orgs: readonly OrgBook[]): Promise<boolean> {
    if ((await this.#registration.reaffirm()) === 'replaced') {
      this.#fenced = true;
      this.#log.error('later doors of this node have started: no lease any more');
      return false;
    }
    this.#log.warn('the control plane was set back: what it leased before is given up');
    for (const org of orgs) org.recall();
    this.#earlierTold = false;
    return true;
  }

  /** One report after the other, so that none overtakes a later one. */
  async #report(
    orgs: readonly OrgBook[],
    choose: (blocks: readonly Block[]) => readonly Block[],
    complete = false,
  ): Promise<void> {
    const before = this.#reporting;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#reporting = promise;
    await before;
    try {
      if (!this.#earlierTold) await this.#tellEarlier();
      const blocks = choose(orgs.flatMap((org) => [...org.caps].flatMap((cap) => cap.blocks)));
      // More than a report holds are told without saying that they are all.
      const all = complete && blocks.length <= REPORT_LEASES;
      for (let start = 0; start < blocks.length || (all && start === 0); start += REPORT_LEASES) {
        await this.#tell(orgs, blocks.slice(start, start + REPORT_LEASES), all);
      }
    } finally {
      resolve(true);
    }
  }

  async #tell(
    orgs: readonly OrgBook[],
    blocks: readonly Block[],
    complete: boolean,
  ): Promise<void> {
    const sent = this.#clock.instant();
    const said = blocks.map((block) => ({ block, taken: block.taken, closed: block.closed }));
    const leases = said.map(({ block: { leaseId }, taken, closed }) => ({
      ...{ lease_id: leaseId, taken: taken.toString(), closed },
    }));
    const answer = await this.#send({ leases, complete });
    const renewed = new Map(answer.renewed.map((each) => [each.lease_id, each.expires_at]));
    const unknown = new Set(answer.unknown);
    for (const { block, taken, closed } of said) {
      block.told(taken, closed, sent);
      if (unknown.has(block.leaseId)) block.close();
      const expiresAt = renewed.get(block.leaseId);
      if (expiresAt === undefined) continue;
      block.renew(this.#life(sent, Date.parse(expiresAt) - this.time.at(sent)));
    }
    if (unknown.size > 0) {
      this.#log.warn({ leases: [...unknown] }, 'the control plane does not know these leases');
    }
    for (const org of orgs) {
      for (const lease of org.forgetBlocks(unknown)) this.#totals.forget(lease);
    }
  }

  /** What earlier doors of this node took; whatever they leased besides returns whole. */
  async #tellEarlier(): Promise<void> {
    const leases = [...this.#totals.earlier()].map(([lease_id, taken]) => ({
      ...{ lease_id, taken: taken.toString(), closed: true },
    }));
    for (let start = 0; start === 0 || start < leases.length; start += REPORT_LEASES) {
      const page = leases.slice(start, start + REPORT_LEASES);
      const last = start + REPORT_LEASES >= leases.length;
      await this.#send({ leases: page, earlier_told: last });
    }
    for (const { lease_id } of leases) this.#totals.forget(lease_id);
    this.#earlierTold = true;
  }

  async #send(said: Omit<LeaseReportBody, 'epoch'>) {
    return this.#control.report({ epoch: await this.#registration.epoch(), ...said });
  }

  #life(from: Instant, ms: number): { from: Instant; ms: number } {
    return { from, ms: ms - SKEW_MS };
  }

  async #attempt(work: () => Promise<void>): Promise<boolean> {
    if (this.#fenced) return false;
    try {
      await work();
      this.#reached = true;
      return true;
    } catch (error) {
      this.counts.failures += 1;
      if (this.#reached) this.#log.warn({ err: error }, 'the control plane leases nothing');
      this.#reached = false;
      if (KartaError.is(error) && error.code === 'stale_epoch') this.#registration.doubt();
      return false;
    }
  }
}
