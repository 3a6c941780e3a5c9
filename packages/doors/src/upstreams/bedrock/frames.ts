/** The longest message that AWS sends has some 24 MB. */
const EVENT_FRAME_BYTES = 25 * 1024 * 1024;

/** Length, length of the headers and their checksum, then the checksum of the whole. */
const LEAST_FRAME_BYTES = 16;
const LENGTH_BYTES = 4;

/** Cuts AWS's event stream into its frames, however its bytes come. Their checksums are not looked at. */
export class Frames {
  #chunks: Buffer[] = [];
  #held = 0;

  /** The frames that are complete now. Throws an `Error` for a length that no frame has. */
  push(chunk: Buffer): Buffer[] {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    const frames: Buffer[] = [];
    for (let length = this.#next(); length !== null; length = this.#next()) {
      const bytes = this.#joined();
      frames.push(bytes.subarray(0, length));
      this.#keep(bytes.subarray(length));
    }
    return frames;
  }

  /** Whether the last frame is not complete. */
  get within(): boolean {
    return this.#held > 0;
  }

  /** The length of the first frame, once all of it is here. */
  #next(): number | null {
    if (this.#held < LENGTH_BYTES) return null;
    const [first] = this.#chunks;
    const length = (
      first !== undefined && first.length >= LENGTH_BYTES ? first : this.#joined()
    ).readUInt32BE(0);
    if (length < LEAST_FRAME_BYTES || length > EVENT_FRAME_BYTES) {
      throw new Error('an event stream with a frame of an impossible length');
    }
    return this.#held >= length ? length : null;
  }

  #joined(): Buffer {
    const [first] = this.#chunks;
    if (first !== undefined && this.#chunks.length === 1) return first;
    const bytes = Buffer.concat(this.#chunks);
    this.#keep(bytes);
    return bytes;
  }

  #keep(bytes: Buffer): void {
    this.#chunks = bytes.length === 0 ? [] : [bytes];
    this.#held = bytes.length;
  }
}
