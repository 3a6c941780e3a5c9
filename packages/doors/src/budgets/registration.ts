import { KartaError } from '@karta/protocol';
import type { DoorsControl } from '../control/port.ts';
import type { EpochCount } from './epoch-count.ts';

/** What the control plane says of this start, asked whether there was a later one. */
export type Standing = 'latest' | 'replaced';

/** This start of the node's doors, and whether the control plane takes it for the latest. */
export class Registration {
  readonly #control: Pick<DoorsControl, 'register'>;
  readonly #epochs: EpochCount;
  #epoch: number | null = null;
  #registering: Promise<number> | null = null;
  #doubted = false;

  constructor(control: Pick<DoorsControl, 'register'>, epochs: EpochCount) {
    this.#control = control;
    this.#epochs = epochs;
  }

  /** The control plane has answered that it knows another start: {@link reaffirm} finds out why. */
  doubt(): void {
    this.#doubted = true;
  }

  get doubted(): boolean {
    return this.#doubted;
  }

  /** The epoch of this start, registered when first asked for. Throws `KartaError`. */
  async epoch(): Promise<number> {
    if (this.#doubted) throw new KartaError('stale_epoch');
    this.#registering ??= this.#register().catch((error: unknown) => {
      this.#registering = null;
      throw error;
    });
    return this.#registering;
  }

  /**
   * Registers once more. `latest`: the control plane did not know it, for its database was set back
   * to an earlier state, and with it all that this start was ever granted.
   */
  async reaffirm(): Promise<Standing> {
    const epoch = this.#epoch ?? (await this.#register());
    const highest = await this.#control.register(epoch);
    if (highest !== epoch) return 'replaced';
    this.#doubted = false;
    return 'latest';
  }

  /** One that was never answered is told again as it was: it may have arrived. */
  async #register(): Promise<number> {
    this.#epoch ??= await this.#epochs.next(1);
    const highest = await this.#control.register(this.#epoch);
    if (highest === this.#epoch) return highest;
    // The count on this node's disk is lost. Nothing was granted under its number: the next above.
    const epoch = await this.#epochs.next(highest + 1);
    if ((await this.#control.register(epoch)) !== epoch) throw new KartaError('stale_epoch');
    this.#epoch = epoch;
    return epoch;
  }
}
