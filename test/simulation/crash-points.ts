import type { Kysely, KyselyPlugin } from 'kysely';

/** The process ended here, as far as what was running can tell. */
export class Killed extends Error {}

/** Random numbers that are the same for the same seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Places at which a process may be killed, each passed with a small chance of dying there. */
export class CrashPoints {
  readonly #random: () => number;
  readonly #chance: number;
  /** Nothing dies while it is off. */
  armed = true;
  kills = 0;

  constructor(random: () => number, chance: number) {
    this.#random = random;
    this.#chance = chance;
  }

  pass(): void {
    if (!this.armed || this.#random() >= this.#chance) return;
    this.kills += 1;
    throw new Killed('killed');
  }

  /** The same database, killed before or after any of its statements. */
  on<Tables>(database: Kysely<Tables>): Kysely<Tables> {
    const plugin: KyselyPlugin = {
      transformQuery: ({ node }) => {
        this.pass();
        return node;
      },
      transformResult: async ({ result }) => {
        this.pass();
        return result;
      },
    };
    return database.withPlugin(plugin);
  }
}
