import { setTimeout as delay } from 'node:timers/promises';
import type { KartaError, KartaEvent } from '@karta/protocol';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestDatabase, type TestDatabase } from '../sql/test-database.ts';
import { PersistentReader } from './testing/persistent-reader.ts';
import { ScriptedRunner, type Step } from './testing/scripted-runner.ts';
import { CALLER, TestEngine } from './testing/test-engine.ts';

/** Runs and their length: some ten seconds. `KARTA_MODEL_RUNS` makes it as long as one likes. */
const RUNS = Number(process.env.KARTA_MODEL_RUNS ?? 12);
const OPERATIONS = 24;
const SESSIONS = 2;
/** No history lasts so long on the busiest machine: what does is stuck. */
const STUCK_MS = 120_000;

const TWO_ASKS = [{ tool: 'a' }, { tool: 'b' }];

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof<fc.MaybeWeightedArbitrary<Step>[]>(
    { weight: 4, arbitrary: fc.record({ text: fc.string({ minLength: 1, maxLength: 3 }) }) },
    { weight: 2, arbitrary: fc.constant({ gate: 'open me' }) },
    { weight: 2, arbitrary: fc.record({ ask: fc.record({ tool: fc.constantFrom('a', 'b') }) }) },
    { weight: 1, arbitrary: fc.constant({ asks: [...TWO_ASKS] }) },
    { weight: 1, arbitrary: fc.constant({ join: true }) },
    { weight: 1, arbitrary: fc.constant({ deltas: 700 }) },
    { weight: 1, arbitrary: fc.constant({ vanishes: true }) },
  ),
  { minLength: 1, maxLength: 4 },
);

const session = fc.nat({ max: SESSIONS - 1 });
const operation = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('send' as const),
      session,
      steps,
      ifBusy: fc.constantFrom('queue', 'queue', 'reject', 'interrupt'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cancel' as const), session }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('answer' as const),
      session,
      decision: fc.constantFrom(
        'approve_once' as const,
        'approve_session' as const,
        'deny' as const,
      ),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('drop reader' as const), session }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('harness ends' as const), session }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('open gates' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat({ max: 5 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

let db: TestDatabase;
beforeAll(async () => {
  db = await startTestDatabase();
});
afterAll(() => db?.close());

test('whatever happens, the laws of turns and events hold', { timeout: 600_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 4, maxLength: OPERATIONS }), async (plan) => {
      await db.reset();
      const world = await World.start(db.applicationUrl);
      try {
        for (const step of plan) await world.apply(step);
        await world.settle();
        await world.check();
      } finally {
        await world.stop();
      }
    }),
    // No limit for all of them: it would leave a world behind that runs on a closed database.
    { numRuns: RUNS, timeout: STUCK_MS, endOnFailure: true },
  );
});

/** The engine with its crashes and restarts, what was accepted, and what a lasting reader saw. */
class World {
  readonly #url: string;
  #engine: TestEngine;
  readonly #ids: string[] = [];
  readonly #accepted = new Map<string, string[]>();
  readonly #readers = new Map<string, PersistentReader>();

  private constructor(url: string, engine: TestEngine) {
    this.#url = url;
    this.#engine = engine;
  }

  static async start(url: string): Promise<World> {
    const world = new World(url, await TestEngine.start(url, { times: { stopGrace: 100 } }));
    for (let n = 0; n < SESSIONS; n += 1) {
      const { id } = await world.#engine.create();
      world.#ids.push(id);
      world.#accepted.set(id, []);
      world.#readers.set(id, new PersistentReader(id));
    }
    world.#attachReaders();
    return world;
  }

  async apply(step: Operation): Promise<void> {
    const id = 'session' in step ? (this.#ids[step.session] ?? '') : '';
    switch (step.kind) {
      case 'send':
        return this.#send(id, step);
      case 'cancel':
        await this.#engine.service.cancel(CALLER, id);
        return;
      case 'answer':
        return this.#answer(id, step.decision);
      case 'drop reader':
        await this.#readers.get(id)?.detach();
        this.#readers.get(id)?.attach(this.#engine);
        return;
      case 'harness ends':
        this.#engine.runner.endHarness(id, 'exited');
        return;
      case 'open gates':
        this.#engine.runner.open('open me');
        return;
      case 'wait':
        await delay(step.ms);
        return;
      case 'crash':
        // What a dead process had not sent is never received.
        await this.#detachReaders();
        return this.#again((engine) => engine.crash());
      case 'restart':
        return this.#again((engine) => this.#end(engine, 5));
    }
  }

  /** Lets everything that waits go on until nothing does. */
  async settle(): Promise<void> {
    for (;;) {
      this.#engine.runner.open('open me');
      for (const id of this.#ids) await this.#answer(id, 'approve_once');
      const open = await this.#engine.database
        .selectFrom('turns')
        .select('id')
        .where('state', '<>', 'done')
        .execute();
      if (open.length === 0) break;
      await delay(2);
    }
    for (const id of this.#ids) {
      // An end is on disk a moment before it is told.
      const live = this.#engine.engine.live.get(id);
      await live?.idle;
      const last = live?.events.lastSeq ?? 0;
      await this.#readers.get(id)?.reached(last);
    }
  }

  async check(): Promise<void> {
    for (const id of this.#ids) {
      const reader = this.#readers.get(id);
      const accepted = this.#accepted.get(id) ?? [];
      checkOnce(reader?.seen ?? []);
      const dones = (reader?.seen ?? []).filter((event) => event.type === 'done');
      const ended = dones.map((event) => event.turn_id ?? '');
      // FIFO: turns end in the order they were accepted, and each at most once.
      expect(ended).toEqual(accepted.filter((turn) => ended.includes(turn)));
      // No done is kept from a reader who is not told that events are gone.
      if (reader?.gaps === 0) expect(ended).toEqual(accepted);
      const rows = await this.#engine.database
        .selectFrom('turns')
        .select(['id', 'state', 'text', 'stop_reason'])
        .where('session_id', '=', id)
        .orderBy('position')
        .execute();
      expect(rows.map((row) => row.id)).toEqual(accepted);
      for (const row of rows) {
        expect(row).toMatchObject({ state: 'done', text: null, stop_reason: expect.any(String) });
      }
      expect(await this.#engine.service.get(CALLER, id)).toMatchObject({ pending_inputs: [] });
    }
  }

  stop(): Promise<void> {
    return this.#end(this.#engine, 0);
  }

  /** In the order of a server that ends: connections are closed before the database is. */
  async #end(engine: TestEngine, drainMs: number): Promise<void> {
    await engine.engine.drain(drainMs);
    await this.#detachReaders();
    await engine.database.destroy();
  }

  async #send(id: string, step: { steps: Step[]; ifBusy: string }): Promise<void> {
    try {
      const message = { text: JSON.stringify(step.steps), if_busy: step.ifBusy };
      this.#accepted.get(id)?.push((await this.#engine.send(id, message)).turnId);
    } catch (error) {
      expect(error).toMatchObject({ code: 'session_busy' });
    }
  }

  async #answer(id: string, decision: 'approve_once' | 'approve_session' | 'deny'): Promise<void> {
    const { pending_input: input } = await this.#engine.service.get(CALLER, id);
    if (input === null) return;
    try {
      await this.#engine.service.resolveInput(CALLER, id, input.request_id, { decision });
    } catch (error) {
      // Answered before, or gone with its turn.
      expect(['input_already_resolved', 'input_expired']).toContain((error as KartaError).code);
    }
  }

  async #again(end: (engine: TestEngine) => Promise<void>): Promise<void> {
    await end(this.#engine);
    await this.#detachReaders();
    const runner = new ScriptedRunner(this.#engine.runner.volumes);
    this.#engine = await TestEngine.start(this.#url, { runner, times: { stopGrace: 100 } });
    this.#attachReaders();
  }

  async #detachReaders(): Promise<void> {
    for (const reader of this.#readers.values()) await reader.detach();
  }

  #attachReaders(): void {
    for (const reader of this.#readers.values()) reader.attach(this.#engine);
  }
}

/** Numbers only rise, none is used twice; each input that is resolved is resolved once. */
function checkOnce(events: readonly KartaEvent[]): void {
  let last = 0;
  const resolved = new Set<string>();
  const over = new Set<string | null>();
  for (const event of events) {
    expect(event.seq).toBeGreaterThan(last);
    last = event.seq;
    if (event.type === 'input_resolved') {
      expect(resolved).not.toContain(event.data.request_id);
      resolved.add(event.data.request_id);
    }
    // After its done nothing more comes of a turn.
    if (event.turn_id !== null) expect(over).not.toContain(event.turn_id);
    if (event.type === 'done') over.add(event.turn_id);
  }
}
