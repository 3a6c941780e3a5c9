import type { SpendSubject } from '@karta/protocol';
import type { NewBudget } from '../../../packages/control-plane/src/budgets/insert-budget.ts';
import type { TestDatabase as ControlDatabase } from '../../../packages/control-plane/src/sql/test-database.ts';
import type { TestDatabase as DataDatabase } from '../../../packages/data-plane/src/sql/test-database.ts';
import { IDLE_MS, LOST_MS } from '../../../packages/doors/src/budgets/limits.ts';
import { randomOf } from '../crash-points.ts';
import { SimulatedControl } from './control.ts';
import { Network, type NetworkFaults } from './network.ts';
import { type PlannedCall, SimulatedNode } from './node.ts';
import { checkBooks, checkCaps, checkRefusal, Violation } from './oracle.ts';
import type { Plant } from './plants.ts';
import { SimulatedPrices } from './prices.ts';
import { type Manner, ScriptedProvider } from './provider.ts';
import { SimulatedTime } from './time.ts';
import { Truth } from './truth.ts';

/** The databases of a run, which all its seeds share. */
export interface Ground {
  control: ControlDatabase;
  /** One for each node that there may be. */
  data: readonly DataDatabase[];
}

/** What a seed did. */
export interface Played {
  calls: number;
  refused: number;
  kills: number;
}

export interface PlayOptions {
  plant?: Plant;
  /** Told of everything that happens. */
  log?: (line: string) => void;
}

/** How long calls are begun, in simulated milliseconds. */
const BUSY_MS = 40_000;
/** Until then the last call has ended, idle blocks are closed and everything is told. */
const REST_MS = 150_000;
const CALLS = 18;
const NODES = 3;
const DAY_MS = 24 * 60 * 60 * 1000;
/** Of a call: what its input is counted at beside its bytes, and a token of output in picodollars. */
const [INPUT, OUTPUT_PRICE] = [1_300n, 5_000_000n];

/** Of the mistakes the one that shows in what is refused. */
const FALSE_REFUSAL: Plant = 'nothing is left where all that is wanted is not left';

let runs = 0;

/** Plays one seed. Throws a {@link Violation} of what is to hold. */
export async function play(
  ground: Ground,
  seed: number,
  { plant, log = () => {} }: PlayOptions = {},
): Promise<Played> {
  const random = randomOf(seed);
  const chance = (share: number) => random() < share;
  const between = (least: number, most: number) =>
    least + Math.floor(random() * (most - least + 1));
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;

  // A good part of the seeds crosses midnight.
  const midnight = Math.ceil(Date.now() / DAY_MS) * DAY_MS;
  const time = new SimulatedTime(midnight - between(5_000, 60_000));
  const say = (line: string) => log(`${((time.now - midnight) / 1000).toFixed(3)} ${line}`);
  runs += 1;
  const slug = `sim-${process.pid}-${runs}`;
  const control = await SimulatedControl.start(ground.control, time, slug, plant ?? null);
  const truth = new Truth();
  // Each part draws from numbers of its own: what real time swaps changes nothing.
  const numbersOf = (part: number) => randomOf(seed * 1_000 + part);
  const provider = new ScriptedProvider(numbersOf(1));
  const rise = numbersOf(3);
  const rises = rise() < 0.35;
  const prices = new SimulatedPrices(
    rises ? time.now + rise() * BUSY_MS : Number.POSITIVE_INFINITY,
  );
  const calmWorld = chance(0.2);
  const faults: NetworkFaults = calmWorld
    ? { loss: 0, duplicates: 0, latency: [1, 40] }
    : { loss: random() * 0.15, duplicates: random() * 0.1, latency: [1, pick([40, 400, 8_000])] };
  const crashes = calmWorld ? 0 : pick([0, 0.01, 0.04]);
  const problems: unknown[] = [];
  const keep = (work: Promise<unknown>) => {
    void work.catch((error: unknown) => problems.push(error));
  };
  let refused = 0;
  const nodes = Array.from({ length: between(1, NODES) }, (_, index) => {
    const network = new Network(time, numbersOf(10 + index), faults);
    const data = ground.data[index];
    if (data === undefined) throw new Error('too few databases');
    const node = new SimulatedNode({
      ...{
        id: `${slug}-n${index + 1}`,
        time,
        random: numbersOf(20 + index),
        control,
        network,
        provider,
        prices,
        truth,
        data,
      },
      ...{ crashes, skew: between(-1_500, 1_500), plant: plant ?? null, log: say },
      async onRefused(who, call) {
        refused += 1;
        if (!(plant === undefined || plant === FALSE_REFUSAL) || !calmWorld) return;
        await checkRefusal(control, truth, who, { ...call, now: time.now });
      },
    });
    return { node, network };
  });

  const subjects = Array.from(
    { length: 3 },
    (_, index): SpendSubject => ({
      org_id: control.orgId,
      project_id: 'proj_1',
      session_id: `${slug}-s${index}`,
      api_key_id: chance(0.5) ? `${slug}-k` : null,
      embed_key_id: null,
      end_user: chance(0.7) ? pick(['ann', 'ben']) : null,
    }),
  );
  for (let count = between(1, 3); count > 0; count -= 1) {
    const made = newBudget(control.orgId);
    const budget = await control.budget(made);
    truth.limits.set(budget.id, made.cap);
    say(`a cap of ${made.cap} ${made.metric} on each ${made.scope} a ${made.period}`);
  }

  function newBudget(orgId: string): NewBudget {
    const scope = pick(['org', 'org', 'project', 'session', 'end_user', 'api_key'] as const);
    const metric = pick(['input_tokens', 'output_tokens', 'total_tokens', 'cost', 'cost'] as const);
    const worth = BigInt(between(2, 12));
    const tokens = { input_tokens: INPUT, output_tokens: 900n, total_tokens: INPUT + 900n };
    const each = metric === 'cost' ? INPUT * 1_250_000n + 900n * OUTPUT_PRICE : tokens[metric];
    const cap = worth * each + BigInt(between(0, 500));
    const scopeId = scope === 'org' ? orgId : null;
    return { scope, scope_id: scopeId, metric, period: pick(['day', 'total'] as const), cap };
  }

  const manners: readonly Manner[] = [
    ...Array<Manner>(12).fill('honest'),
    ...(['silent', 'breaks_off', 'breaks_limit', 'refuses'] as const),
  ];
  // Of their own numbers, so that a seed's other calls are what they would be without.
  const fate = numbersOf(2);
  const newAttempt = () => ({
    waitMs: 150 + Math.floor(fate() * 5_000),
    manner:
      fate() < 0.3
        ? ('refuses' as const)
        : (manners[Math.floor(fate() * manners.length)] ?? 'honest'),
  });
  function newCall(): PlannedCall {
    return {
      subject: pick(subjects),
      inputBytes: between(10, 300),
      outputTokens: pick([300, 1_000, 3_000]),
      manner: pick(manners),
      answerMs: chance(0.15) ? between(5_000, 40_000) : between(5, 1_500),
      again: [newAttempt(), newAttempt()],
    };
  }

  // What a seed that failed has left is nobody's.
  await Promise.all(ground.data.map(({ database }) => database.deleteFrom('outbox').execute()));
  await Promise.all(nodes.map(({ node }) => node.start()));
  for (const { node } of nodes) node.pumpOn();
  for (let count = 0; count < CALLS; count += 1) {
    time.after(between(0, BUSY_MS), () => keep(pick(nodes).node.call(newCall())));
  }
  const changes = chance(0.4) ? between(1, 2) : 0;
  for (let count = 0; count < changes; count += 1) {
    time.after(between(1_000, BUSY_MS), () => {
      const budget = pick(control.budgets);
      const cap = (BigInt(budget.cap) * BigInt(between(30, 250))) / 100n;
      const highest = truth.limits.get(budget.id) ?? 0n;
      if (cap > highest) truth.limits.set(budget.id, cap);
      say(`the cap ${budget.id} is ${cap} from now on`);
      keep(time.real(() => control.limit(budget, cap)));
      for (const { node, network } of nodes) network.tell(() => node.invalidate());
    });
  }
  if (!calmWorld) {
    for (const { node, network } of nodes) {
      if (chance(0.4)) {
        time.after(between(0, BUSY_MS), () => {
          say(`${node.id} is cut off`);
          network.cut = true;
          time.after(between(500, 30_000), () => {
            network.cut = false;
            say(`${node.id} is reached again`);
          });
        });
      }
      if (chance(0.3)) {
        time.after(between(0, BUSY_MS), () => {
          node.clock.skew = between(-1_800, 1_800);
        });
      }
      if (chance(0.5)) time.after(between(0, BUSY_MS), () => keep(node.die(chance(0.5))));
    }
  }
  // Whatever died starts again some time later.
  const revive = () => {
    for (const { node } of nodes) {
      if (!node.up) keep(node.start());
    }
    time.after(chance(0.5) ? 50 : between(50, 9_000), revive);
  };
  time.after(between(50, 9_000), revive);

  try {
    const begun = time.now;
    const fine = () => problems.length > 0;
    await time.run(begun + BUSY_MS, fine);
    for (const { node, network } of nodes) {
      network.cut = false;
      network.healed = true;
      node.calm = true;
    }
    const atRest = () => fine() || nodes.every(({ node }) => node.atRest);
    await time.run(begun + BUSY_MS + REST_MS, atRest);
    // Blocks of which nothing is taken any more are closed and told.
    await time.run(time.now + IDLE_MS + 4_000, fine);
    // So are those that nobody has heard of.
    await time.run(time.now + LOST_MS, fine);
    if (problems.length > 0) throw problems[0];
    checkCaps(control, provider, truth);
    await checkBooks(control, provider, truth);
  } finally {
    await Promise.all(nodes.map(({ node }) => node.remove()));
  }
  const kills = nodes.reduce((sum, { node }) => sum + node.kills, 0);
  return { calls: truth.calls.size, refused, kills };
}

export { Violation };
