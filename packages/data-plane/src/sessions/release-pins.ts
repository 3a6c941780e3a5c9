import { KartaError } from '@karta/protocol';
import type { ControlPlane, Project, Release } from '../control/port.ts';
import type { Database } from '../sql/index.ts';

/** How often a project is looked up again whose release goes just then. */
const TRIES = 3;

/** A release that a session is about to be pinned to. Dispose once the session is on disk, or not. */
export interface HeldRelease extends Disposable {
  release: Release;
}

/**
 * Which releases sessions need: those on disk, and those that are being created. The control plane
 * asks before it removes a release, after it has said that no further session may be pinned to it;
 * whoever was let in before that moment is counted here, whoever comes later is not let in.
 */
export class ReleasePins {
  readonly #database: Database;
  /** How many sessions are being created on each. */
  readonly #held = new Map<string, number>();

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * The project's release, held until it is disposed of. Throws `KartaError`: `no_active_release`,
   * `release_expired` for the release of a preview that is over.
   */
  async hold(control: ControlPlane, project: Project): Promise<HeldRelease> {
    let at: Project | null = project;
    for (let tries = 0; at !== null && tries < TRIES; tries += 1) {
      const id: string | null = at.activeReleaseId;
      if (id === null) break;
      const hold = this.#count(id);
      // Held before this look: either it is counted, or it sees what the control plane has said.
      const release = await control.release(project.orgId, id).catch((error: unknown) => {
        hold[Symbol.dispose]();
        throw error;
      });
      if (release !== null && (release.standing ?? 'kept') === 'kept') return { release, ...hold };
      hold[Symbol.dispose]();
      if (release === null) break;
      // Another one is active by now: what was looked up for this request is of a moment ago.
      at = await control.project(project.orgId, project.ref);
      if (at?.activeReleaseId === id) throw new KartaError('release_expired');
    }
    throw new KartaError('no_active_release');
  }

  /** Those of `releaseIds` that a session needs which has not ended. */
  async among(releaseIds: readonly string[]): Promise<string[]> {
    // Those first: a session that is created meanwhile is here, or on disk at the look that follows.
    const pinned = new Set(releaseIds.filter((id) => this.#held.has(id)));
    const rows = await this.#database
      .selectFrom('sessions')
      .select('release_id')
      .distinct()
      .where('ended_at', 'is', null)
      .where(({ eb, val }) => eb('release_id', '=', eb.fn.any(val(releaseIds))))
      .execute();
    for (const { release_id } of rows) pinned.add(release_id);
    return [...pinned];
  }

  /** Every release that a session needs which has not ended, or is being created. */
  async all(): Promise<Set<string>> {
    const held = [...this.#held.keys()];
    const rows = await this.#database
      .selectFrom('sessions')
      .select('release_id')
      .distinct()
      .where('ended_at', 'is', null)
      .execute();
    return new Set([...held, ...rows.map(({ release_id }) => release_id)]);
  }

  #count(id: string): Disposable {
    this.#held.set(id, (this.#held.get(id) ?? 0) + 1);
    let over = false;
    return {
      [Symbol.dispose]: () => {
        if (over) return;
        over = true;
        const left = (this.#held.get(id) ?? 1) - 1;
        if (left === 0) this.#held.delete(id);
        else this.#held.set(id, left);
      },
    };
  }
}
