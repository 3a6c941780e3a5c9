import type { JournalLine } from './line.ts';

/** What was taken from leases, as the lines of a journal tell it in their order. */
export class LeaseSums {
  readonly #taken = new Map<string, bigint>();

  /** Adds the next line. */
  add(line: JournalLine): void {
    switch (line.kind) {
      case 'begun':
        // Told with what the call held: that it took nothing in the end must be told as well.
        for (const { lease_id } of line.call.spend.charges) {
          if (!this.#taken.has(lease_id)) this.#taken.set(lease_id, 0n);
        }
        break;
      case 'settled':
        for (const { lease_id, amount } of line.record?.spend.charges ?? []) {
          this.#taken.set(lease_id, (this.#taken.get(lease_id) ?? 0n) + BigInt(amount));
        }
        break;
      case 'leases':
        this.#taken.clear();
        for (const [lease, taken] of Object.entries(line.taken)) {
          this.#taken.set(lease, BigInt(taken));
        }
        break;
      case 'told':
        this.#taken.delete(line.lease_id);
        break;
    }
  }

  /** By lease. */
  sums(): ReadonlyMap<string, bigint> {
    return new Map(this.#taken);
  }

  /** The line that says all this at the beginning of another file. */
  line(): JournalLine {
    const taken = [...this.#taken].map(([lease, amount]) => [lease, amount.toString()]);
    return { kind: 'leases', taken: Object.fromEntries(taken) };
  }
}
