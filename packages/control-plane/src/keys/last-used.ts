import { sql } from 'kysely';
import type { Database } from '../sql/database.ts';

/** How often uses are written down, in milliseconds. */
const FLUSH_MS = 15_000;

/** When keys were last used: gathered in memory, so that a use costs no write. */
export class LastUsed {
  readonly #database: Database;
  readonly #onError: (error: unknown) => void;
  #used = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(database: Database, onError: (error: unknown) => void) {
    this.#database = database;
    this.#onError = onError;
  }

  note(keyId: string): void {
    this.#used.set(keyId, Date.now());
  }

  start(): void {
    this.#timer = setInterval(() => this.flush().catch(this.#onError), FLUSH_MS);
  }

  /** Writes what was gathered. Uses that cannot be written are kept for the next time. */
  async flush(): Promise<void> {
    const used = this.#used;
    if (used.size === 0) return;
    this.#used = new Map();
    const ids = [...used.keys()];
    const times = [...used.values()].map((time) => new Date(time).toISOString());
    try {
      await sql`
        update api_keys set last_used_at = greatest(last_used_at, used.at)
        from unnest(${ids}::text[], ${times}::timestamptz[]) as used (id, at)
        where api_keys.id = used.id`.execute(this.#database);
    } catch (error) {
      for (const [id, time] of used) {
        if (!this.#used.has(id)) this.#used.set(id, time);
      }
      throw error;
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }
}
