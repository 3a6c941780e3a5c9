import { mkdtemp, readdir, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SpendAmounts, SpendSubject } from '@karta/protocol';
import { Registry } from 'prom-client';
import { Outbox } from '../../../packages/data-plane/src/outbox/outbox.ts';
import type { TestDatabase as DataDatabase } from '../../../packages/data-plane/src/sql/test-database.ts';
import { CallAdmission } from '../../../packages/doors/src/budgets/call-admission.ts';
import { epochFile } from '../../../packages/doors/src/budgets/epoch-count.ts';
import { LeaseBook } from '../../../packages/doors/src/budgets/lease-book.ts';
import type { LeaseControl, LeaseTotals } from '../../../packages/doors/src/budgets/lease-link.ts';
import { TEND_MS } from '../../../packages/doors/src/budgets/limits.ts';
import { budgetMetrics } from '../../../packages/doors/src/budgets/metrics.ts';
import { Channel } from '../../../packages/doors/src/channels/channel.ts';
import { JournalEntry } from '../../../packages/doors/src/channels/journal-entry.ts';
import type { OrgLink } from '../../../packages/doors/src/control/org-link.ts';
import { Journal } from '../../../packages/doors/src/journal/journal.ts';
import { MeteredCall } from '../../../packages/doors/src/metering/metered-call.ts';
import { Killed } from '../crash-points.ts';
import type { SimulatedControl } from './control.ts';
import type { Network } from './network.ts';
import { checkBlock } from './oracle.ts';
import { heardOf, journalOf, reportOf, usageOf } from './planted.ts';
import type { Plant } from './plants.ts';
import { type BookPrice, MODEL, type SimulatedPrices } from './prices.ts';
import type { Manner, ScriptedProvider } from './provider.ts';
import { MachineClock, type SimulatedTime } from './time.ts';
import { amountOf, placeKey, type TrueCall, type Truth } from './truth.ts';
import type { Turn } from './turn.ts';

const quiet = { info: () => {}, warn: () => {}, error: () => {} };
const ROUTE = {
  family: 'anthropic',
  name: 'messages',
  path: '/v1/messages',
  query: '',
  billed: true,
} as const;
/** Between two rounds of a node's outbox, in milliseconds. */
const OUTBOX_MS = 2_000;

export interface NodeParts {
  id: string;
  time: SimulatedTime;
  random: () => number;
  control: SimulatedControl;
  network: Network;
  provider: ScriptedProvider;
  prices: SimulatedPrices;
  truth: Truth;
  data: DataDatabase;
  /** Of dying at each place where it may. */
  crashes: number;
  skew: number;
  plant: Plant | null;
  log(line: string): void;
  /** A call was refused for money. */
  onRefused(
    node: SimulatedNode,
    refused: { subject: SpendSubject; body: Buffer; priced: BookPrice },
  ): Promise<void>;
}

/** What one call is to be. */
export interface PlannedCall {
  subject: SpendSubject;
  inputBytes: number;
  outputTokens: number;
  manner: Manner;
  /** How long the provider takes, in milliseconds. */
  answerMs: number;
  /** How it is sent again while the provider refuses it, each after a wait in milliseconds. */
  again: readonly { waitMs: number; manner: Manner }[];
}

/** The doors of one node, that may die and start again, and its outbox. */
export class SimulatedNode {
  readonly id: string;
  readonly clock: MachineClock;
  incarnation = 0;
  up = false;
  /** Calls under way. */
  running = 0;
  /** A power failure took what was not flushed. */
  lostPower = false;
  kills = 0;
  readonly #parts: NodeParts;
  #folder = '';
  #flushed = 0;
  #journal: Journal | null = null;
  #book: LeaseBook | null = null;
  #admission: CallAdmission | null = null;
  #pumping = false;
  /** Its outbox may hold something. */
  #waiting = true;
  /** Nothing dies any more. */
  calm = false;

  constructor(parts: NodeParts) {
    this.id = parts.id;
    this.#parts = parts;
    this.clock = new MachineClock(parts.time, parts.skew);
  }

  /** Starts the doors over what is on disk. */
  async start(): Promise<void> {
    const { time } = this.#parts;
    if (this.#folder === '') {
      this.#folder = await time.real(() => mkdtemp(join(tmpdir(), 'karta-budgets-')));
    }
    this.incarnation += 1;
    const journal = new Journal(this.#folder, quiet);
    await time.real(() => journal.recover());
    await this.#noteFlushed();
    this.#journal = journal;
    const totals =
      this.#parts.plant === 'what earlier doors took is not told'
        ? { earlier: () => new Map<string, bigint>(), forget: () => {} }
        : this.#totalsOf(this.incarnation, journal);
    const control = this.#controlOf(this.incarnation);
    const count = epochFile(join(this.#folder, 'epoch'));
    const epochs = { next: (least: number) => time.real(() => count.next(least)) };
    this.#book = new LeaseBook({ control, totals, epochs, log: quiet, clock: this.clock });
    const { prices } = this.#parts;
    const rules = () => ({
      capped: true,
      unknown_model: 'refuse',
      own_keys: [],
      platform_fallback: false,
      price_version: prices.at(time.now).book.version,
    });
    // Of the link admission looks at the rules alone.
    const link = { rules: { of: async () => rules() } } as unknown as OrgLink;
    this.#admission = new CallAdmission({
      orgs: { link, book: this.#book },
      prices: { latest: prices.at(time.now).book, inForce: (version) => prices.of(version) },
      metrics: budgetMetrics(new Registry()),
      log: quiet,
    });
    this.up = true;
    this.#parts.log(`${this.id} is up (${this.incarnation})`);
    this.#tendFrom(this.incarnation, this.#book);
  }

  /** Ends at once, as by `kill -9`, or with the power of the machine. */
  async die(power: boolean): Promise<void> {
    if (!this.up) return;
    this.kills += 1;
    this.up = false;
    this.#parts.log(`${this.id} dies${power ? ', with the power' : ''}`);
    for (const call of this.#parts.truth.calls.values()) {
      if (call.node === this.id && call.settled === null && !call.free) call.lost = true;
    }
    const journal = this.#journal;
    this.#journal = null;
    this.#book = null;
    this.#admission = null;
    await this.#parts.time.real(async () => {
      await journal?.close();
      if (power) await this.#losePower();
    });
  }

  /** Nothing is under way and everything is told. */
  get atRest(): boolean {
    return this.up && this.running === 0 && !this.#waiting && this.#journal?.backlog === 0;
  }

  /** Has one call made. Resolves when it is over, whatever becomes of it. */
  async call(planned: PlannedCall): Promise<void> {
    if (!this.up) return;
    this.running += 1;
    try {
      let refused = await this.#call(planned, false);
      for (const { waitMs, manner } of planned.again) {
        if (!refused) break;
        const { incarnation } = this;
        await this.#parts.time.pause(waitMs);
        this.#mustLive(incarnation);
        refused = await this.#call({ ...planned, manner }, true);
      }
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      await this.die(this.#parts.random() < 0.5);
    } finally {
      this.running -= 1;
    }
  }

  /** Forgets what it knows of the org, as an announcement tells it to. */
  invalidate(): void {
    this.#book?.invalidate([this.#parts.control.orgId]);
  }

  /** Brings usage on its way, as far as it gets. */
  async pump(): Promise<void> {
    if (this.#pumping || !this.up) return;
    if (!this.#waiting && this.#journal?.backlog === 0) return;
    this.#pumping = true;
    const { time } = this.#parts;
    try {
      this.#waiting = true;
      await time.real(async (turn) => {
        const outbox = this.#outbox(turn);
        await outbox.takeAll();
        this.#perhapsDie();
        await outbox.pushAll();
      });
      this.#waiting = false;
    } catch (error) {
      if (error instanceof Killed) await this.die(false);
      else this.#parts.log(`${this.id} could not tell its usage: ${error}`);
    } finally {
      this.#pumping = false;
    }
  }

  /** Pumps from time to time. */
  pumpOn(): void {
    this.#parts.time.after(OUTBOX_MS, () => {
      void this.pump().then(() => this.pumpOn());
    });
  }

  async remove(): Promise<void> {
    this.up = false;
    await this.#journal?.close();
    if (this.#folder !== '') await rm(this.#folder, { recursive: true, force: true });
  }

  /** Sends a call once, as an attempt of the doors does. Whether the provider has refused it. */
  async #call(
    { subject, inputBytes, outputTokens, manner, answerMs }: PlannedCall,
    again: boolean,
  ): Promise<boolean> {
    const { time, truth, provider, plant, log } = this.#parts;
    const { incarnation } = this;
    const [journal, admission] = [this.#journal, this.#admission];
    if (journal === null || admission === null) return false;
    const asked = Buffer.from(
      JSON.stringify({
        model: MODEL,
        max_tokens: outputTokens,
        messages: [{ role: 'user', content: 'x'.repeat(inputBytes) }],
      }),
    );
    const grant = this.#grant();
    // By this it is priced in the end, too, whatever is in force by then.
    const priced = this.#parts.prices.at(time.now);
    const admitted = await admission.admit({
      ...{ route: ROUTE, body: asked, model: MODEL, provider: 'anthropic', ownKeyId: null },
      ...{ subject, grant, signal: new AbortController().signal },
      countInput: async () => null,
    });
    this.#mustLive(incarnation);
    if ('refusal' in admitted) {
      log(`${this.id} refuses a call: ${admitted.refusal} ${admitted.message}`);
      if (admitted.refusal === 'budget_exhausted') {
        await this.#parts.onRefused(this, { subject, body: asked, priced });
      }
      return false;
    }
    const { admitted: taken, body } = admitted;
    // What no cap covers is no matter of budgets.
    if (taken.limits === null) return false;
    this.#perhapsDie();
    const meter = new MeteredCall('messages', body.length);
    meter.limitTo(taken.limits);
    const spend = taken.begun(meter.booked());
    const freed = again && plant === 'a call is sent again when its reservation has returned';
    if (freed) taken.settle(null);
    const { channel } = Channel.open({
      ...{ channel_id: 'c', org_id: subject.org_id, project_id: subject.project_id },
      ...{ session_id: subject.session_id, mode: 'live', demo: false, egress: [] },
      provider_tools: false,
      fallback: [],
    });
    const { api_key_id, embed_key_id, end_user } = subject;
    channel.openTurn('turn_1', { orgGrant: grant, payer: { api_key_id, embed_key_id, end_user } });
    const hasty = plant === 'a call is sent before its reservation is on disk';
    const of = { channel, turnId: null, provider: 'anthropic', model: MODEL };
    const written = journalOf(journal, plant);
    truth.beginning.add(spend.charges);
    const entry = await time
      .real(() => JournalEntry.begin(written, meter, taken, of))
      .finally(() => truth.beginning.delete(spend.charges));
    const lives = this.up && this.incarnation === incarnation;
    const { limits } = taken;
    const call: TrueCall = {
      ...{
        id: entry.id,
        node: this.id,
        incarnation,
        subject,
        at: taken.at,
        priced,
        charges: spend.charges,
      },
      reserved: {
        input_tokens: BigInt(limits.input),
        output_tokens: BigInt(limits.output),
        cost: BigInt(spend.cost ?? 0),
      },
      // Who died as it was written down may find it there later: it is booked, and nobody bills it.
      ...{ settled: null, estimated: false, lost: !lives, free: false },
    };
    truth.calls.set(call.id, call);
    this.#mustLive(incarnation);
    if (!hasty) await this.#noteFlushed();
    log(`${this.id} begins ${call.id}: ${limits.input} in, at most ${limits.output} out`);
    this.#perhapsDie();
    const sent = plant === 'the output limit is not lowered' ? asked : body;
    const answer = provider.take({ id: call.id, manner, body: sent, maxInput: limits.input });
    log(`the provider bills ${call.id}: ${JSON.stringify(provider.bills.get(call.id) ?? null)}`);
    await time.pause(answerMs);
    this.#mustLive(incarnation);
    this.#perhapsDie();
    meter.answered(answer.status, answer.contentType);
    meter.push(Buffer.from(answer.body));
    if (manner !== 'breaks_off') meter.end();
    const booked = meter.billed ? meter.booked() : null;
    await time.real(() => entry.settle());
    this.#mustLive(incarnation);
    await this.#noteFlushed();
    const settled = taken.settle(booked);
    if (booked === null || settled === null) truth.settle(call, null, []);
    else {
      const took = {
        input_tokens: BigInt(booked.usage.input_tokens),
        output_tokens: BigInt(booked.usage.output_tokens),
        cost: BigInt(settled.cost ?? 0),
      };
      call.estimated = booked.estimated;
      truth.settle(call, took, settled.charges);
    }
    log(`${this.id} settles ${call.id}`);
    return answer.status >= 400;
  }

  #tendFrom(incarnation: number, book: LeaseBook): void {
    this.#parts.time.after(TEND_MS, () => {
      if (!this.up || this.incarnation !== incarnation) return;
      // Beside the next round when it takes long, as the process does not wait for it either.
      void book.tend().then(() => this.#tendFrom(incarnation, book));
    });
  }

  #grant(): string {
    const { control } = this.#parts;
    return control.grants.issue(this.id, control.orgId);
  }

  /** Doors that have ended write nothing any more. */
  #totalsOf(incarnation: number, journal: Journal): LeaseTotals {
    return {
      earlier: () => journal.earlier(),
      forget: (leaseId) => {
        if (this.up && this.incarnation === incarnation) journal.forget(leaseId);
      },
    };
  }

  #controlOf(incarnation: number): LeaseControl {
    const { network, control, truth, plant } = this.#parts;
    /** Doors that have ended hear no answer. */
    const answered = async <T>(there: () => Promise<T>, once = true): Promise<T> => {
      const answer = await network.call(there, { once });
      if (this.up && this.incarnation === incarnation) return answer;
      return new Promise<never>(() => {});
    };
    return {
      register: (epoch) => answered(() => control.register(this.id, epoch)),
      lease: async (body) => {
        const answer = await answered(() => control.lease(this.id, body));
        for (const { lease, left, metric, budget_id, scope_id, window_start } of answer.budgets) {
          const budget = control.budgets.find(({ id }) => id === budget_id);
          if (budget === undefined) continue;
          const place = placeKey({ budget, scopeId: scope_id, start: new Date(window_start) });
          const told = truth.toldLeft.get(this.id) ?? new Map<string, bigint>();
          truth.toldLeft.set(this.id, told.set(place, BigInt(left)));
          if (lease === null) continue;
          if (plant === null) {
            const minimum = amountOf(metric, fromWire(body.minimum));
            checkBlock({ amount: BigInt(lease.amount), left: BigInt(left), minimum });
          }
          const amount = BigInt(lease.amount);
          truth.leases.set(lease.lease_id, { node: this.id, incarnation, place, amount });
        }
        return heardOf(answer, plant);
      },
      report: async (body) => {
        const told = reportOf(body, plant, truth);
        const answer = await answered(() => control.report(this.id, told), false);
        for (const { lease_id, closed } of told.leases) {
          if (closed) truth.returned.add(lease_id);
        }
        return answer;
      },
    };
  }

  #outbox(turn: Turn): Outbox {
    const { data, network, control, plant, time, truth, log: say } = this.#parts;
    const journal = this.#journal;
    if (journal === null) throw new Killed('killed');
    let renamed = 0;
    return new Outbox({
      database: data.database,
      grantOf: () => this.#grant(),
      log: {
        ...quiet,
        error: (details: unknown, text?: string) =>
          say(`${this.id}: ${text} ${JSON.stringify(details)}`),
      },
      journal: {
        usage: async () => {
          const records = await journal.unacknowledged(100);
          if (plant === 'the journal is acknowledged before the outbox has the calls') {
            await journal.acknowledge(records.at(-1)?.seq ?? 0);
            this.#perhapsDie();
          }
          return usageOf(records, plant, {
            ...{ now: time.now, truth, incarnation: this.incarnation },
            priced: this.#parts.prices.at(time.now),
          });
        },
        ackUsage: async (through) => {
          this.#perhapsDie();
          await journal.acknowledge(through);
          this.#perhapsDie();
        },
      },
      send: async (batch) => {
        this.#perhapsDie();
        const told =
          plant === 'an event that is told again counts again'
            ? {
                ...batch,
                usage: batch.usage.map((event) => {
                  renamed += 1;
                  return { ...event, id: `${event.id}_${this.incarnation}_${time.now}_${renamed}` };
                }),
              }
            : batch;
        const there = () => control.takeEvents(this.id, told);
        const answer = await time.within(turn, () => network.call(there));
        this.#perhapsDie();
        if (told === batch) return answer;
        return { accepted: batch.usage.map(({ id }) => id), refused: [] };
      },
    });
  }

  #perhapsDie(): void {
    if (!this.up) throw new Killed('killed');
    if (!this.calm && this.#parts.random() < this.#parts.crashes) throw new Killed('killed');
  }

  #mustLive(incarnation: number): void {
    if (!this.up || this.incarnation !== incarnation) throw new Killed('killed');
  }

  /** Of the journal: whatever else is there was flushed before anybody heard of it. */
  async #lastFile(): Promise<string | null> {
    const names = (await readdir(this.#folder)).filter((name) => name.startsWith('usage-'));
    const last = names.sort().at(-1);
    return last === undefined ? null : join(this.#folder, last);
  }

  /** Everything that is in the file now survives a power failure. */
  async #noteFlushed(): Promise<void> {
    await this.#parts.time.real(async () => {
      const file = await this.#lastFile();
      this.#flushed = file === null ? 0 : (await stat(file)).size;
    });
  }

  /** Of what was not flushed some is gone. */
  async #losePower(): Promise<void> {
    this.lostPower = true;
    const file = await this.#lastFile();
    if (file === null) return;
    const { size } = await stat(file);
    const kept = this.#flushed + Math.floor(this.#parts.random() * (size - this.#flushed + 1));
    if (kept < size) await truncate(file, kept);
  }
}

function fromWire({ input_tokens, output_tokens, cost }: SpendAmounts) {
  return {
    ...{ input_tokens: BigInt(input_tokens), output_tokens: BigInt(output_tokens) },
    cost: BigInt(cost),
  };
}
