/** How long the bytes of a flood gather, in milliseconds: a quarter of a picture on a screen. */
export const PACE_MS = 4;
/** Pieces that are taken as they come before they count as a flood; one is forgiven each pace. */
export const BURST = 32;
/** A piece of so many bytes has gathered already: it is worth a wake-up, and the next one too. */
export const WHOLE_BYTES = 32 * 1024;

/**
 * The bytes of `source` as they come; of a flood of small pieces what gathers in {@link PACE_MS}.
 * Each piece wakes thread after thread on its way to the readers: done for thousands of them a
 * second, that costs more than all that is done with them. A model that speaks is no flood.
 */
export async function* unhurried(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let pieces = 0;
  let last = performance.now();
  for await (const piece of source) {
    yield piece;
    const now = performance.now();
    pieces = Math.max(0, pieces - (now - last) / PACE_MS) + 1;
    last = now;
    if (pieces > BURST && piece.length < WHOLE_BYTES)
      await new Promise((resolve) => setTimeout(resolve, PACE_MS));
  }
}
