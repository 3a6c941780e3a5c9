import { KartaError } from '@karta/protocol';
import type { SimulatedTime } from './time.ts';

/** What may go wrong between a node and the control plane. */
export interface NetworkFaults {
  /** Of messages lost on their way there, and of answers lost on their way back. */
  loss: number;
  /** Of messages that arrive twice. */
  duplicates: number;
  /** One way at the least and at the most, in milliseconds. */
  latency: readonly [number, number];
}

/** How long a sender waits for an answer, in milliseconds. */
const ANSWER_MS = 10_000;

/** The way of one node to the control plane: messages are late, lost, doubled or overtaken. */
export class Network {
  readonly #time: SimulatedTime;
  readonly #random: () => number;
  readonly #faults: NetworkFaults;
  /** Nothing passes. */
  cut = false;
  /** Nothing goes wrong any more. */
  healed = false;

  constructor(time: SimulatedTime, random: () => number, faults: NetworkFaults) {
    this.#time = time;
    this.#random = random;
    this.#faults = faults;
  }

  /**
   * Has `there` done at the other end. Rejects as a plane client does when no answer comes. `once`:
   * it never arrives twice, as a signed request is believed once.
   */
  async call<T>(there: () => Promise<T>, { once = false } = {}): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#time.after(ANSWER_MS, () => reject(unavailable()));
    const twice = this.#chance(this.#faults.duplicates) && !once;
    this.#deliver(there, resolve, reject);
    if (twice) this.#deliver(there, resolve, reject);
    return promise;
  }

  /** A message that nobody answers. */
  tell(there: () => void): void {
    if (this.cut || this.#chance(this.#faults.loss)) return;
    this.#time.after(this.#delay(), there);
  }

  #deliver<T>(
    there: () => Promise<T>,
    resolve: (answer: T) => void,
    reject: (error: unknown) => void,
  ): void {
    if (this.cut || this.#chance(this.#faults.loss)) return;
    this.#time.after(this.#delay(), () => {
      if (this.cut) return;
      const back = (settle: () => void) => {
        if (this.cut || this.#chance(this.#faults.loss)) return;
        this.#time.after(this.#delay(), settle);
      };
      this.#time.real(there).then(
        (answer) => back(() => resolve(answer)),
        (error: unknown) => back(() => reject(error)),
      );
    });
  }

  #chance(share: number): boolean {
    return !this.healed && this.#random() < share;
  }

  #delay(): number {
    const [least, most] = this.#faults.latency;
    return this.healed ? least : least + this.#random() ** 2 * (most - least);
  }
}

function unavailable(): KartaError {
  return new KartaError('control_unavailable', 'The control plane does not answer.');
}
