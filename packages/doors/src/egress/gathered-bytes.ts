/** Pieces that are put together at the latest when there are so many. */
const MAX_PIECES = 64;

/**
 * Bytes that come in pieces, and are wanted as a whole. However small the pieces are, they take
 * little more memory than their bytes, and little more time.
 */
export class GatheredBytes {
  #pieces: Buffer[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(piece: Buffer): void {
    this.#length += piece.length;
    if (this.#pieces.push(piece) >= MAX_PIECES) this.all();
  }

  all(): Buffer {
    const [only, ...more] = this.#pieces;
    const whole = only !== undefined && more.length === 0 ? only : Buffer.concat(this.#pieces);
    this.#pieces = [whole];
    return whole;
  }
}
