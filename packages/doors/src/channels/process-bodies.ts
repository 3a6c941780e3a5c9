import { ORG_BODY_SHARE, PROCESS_BODY_BYTES } from '../limits.ts';

/** The part of the process's budget that one org has. */
export interface OrgBodies {
  /** Books bytes that have come; whether the org may hold as many as it now does. */
  hold(bytes: number): boolean;
  release(bytes: number): void;
}

/**
 * Request bodies of all channels held in memory. An org may hold so many times what is still free: a
 * lone one most of it, many together ever less each, and something is always left for the next.
 */
export class ProcessBodies {
  readonly #ofOrg = new Map<string, number>();
  #bytes = 0;

  /** Bytes that all orgs hold. */
  get bytes(): number {
    return this.#bytes;
  }

  of(orgId: string): OrgBodies {
    return new HeldByOrg(this, orgId);
  }

  /** Books bytes of an org; how many it holds then. */
  add(orgId: string, bytes: number): number {
    const held = (this.#ofOrg.get(orgId) ?? 0) + bytes;
    this.#bytes += bytes;
    if (held === 0) this.#ofOrg.delete(orgId);
    else this.#ofOrg.set(orgId, held);
    return held;
  }
}

class HeldByOrg implements OrgBodies {
  readonly #all: ProcessBodies;
  readonly #orgId: string;

  constructor(all: ProcessBodies, orgId: string) {
    this.#all = all;
    this.#orgId = orgId;
  }

  hold(bytes: number): boolean {
    const held = this.#all.add(this.#orgId, bytes);
    return held <= ORG_BODY_SHARE * (PROCESS_BODY_BYTES - this.#all.bytes);
  }

  release(bytes: number): void {
    this.#all.add(this.#orgId, -bytes);
  }
}
