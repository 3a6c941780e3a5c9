const NONE = new Uint8Array();

/**
 * Bytes that come in pieces, and are wanted as a whole. The pieces are copied as they come: whoever
 * sends them may cut them as small as it likes, and each kept by itself would take some 500 bytes.
 */
export class GatheredBytes {
  #bytes: Uint8Array<ArrayBuffer> = NONE;
  #length = 0;

  /** What begins with this piece: for whoever keeps a first one as it came, until there is another. */
  static from(first: Uint8Array): GatheredBytes {
    const gathered = new GatheredBytes();
    gathered.push(first);
    return gathered;
  }

  get length(): number {
    return this.#length;
  }

  push(piece: Uint8Array): void {
    const length = this.#length + piece.length;
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#bytes.length));
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    this.#bytes.set(piece, this.#length);
    this.#length = length;
  }

  /** All of them, which are not held any longer. They begin their buffer, and do not fill it. */
  take(): Uint8Array<ArrayBuffer> {
    const whole = this.#bytes.subarray(0, this.#length);
    this.#bytes = NONE;
    this.#length = 0;
    return whole;
  }
}
