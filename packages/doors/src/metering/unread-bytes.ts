/** So many pieces are kept apart; a stranger may cut them as small as it likes. */
const PIECES = 64;

/** Bytes that are kept, and seldom wanted: in the pieces in which they came, while these are few. */
export class UnreadBytes {
  #pieces: Buffer[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#length += piece.length;
    if (this.#pieces.push(piece) > PIECES) this.#pieces = [Buffer.concat(this.#pieces)];
  }

  /** All of them, which are not kept any longer. */
  take(): Buffer {
    const [first, ...others] = this.#pieces;
    const all = first !== undefined && others.length === 0 ? first : Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#length = 0;
    return all;
  }

  /** Has what `other` keeps follow. */
  takeFrom(other: UnreadBytes): void {
    for (const piece of other.#pieces) this.push(piece);
    other.#pieces = [];
    other.#length = 0;
  }
}
