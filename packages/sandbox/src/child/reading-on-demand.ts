import { getDefaultHighWaterMark, setDefaultHighWaterMark } from 'node:stream';

/** Bytes that wait on our side before no more is read. Any piece is more than that. */
const HELD_BYTES = 1;

/**
 * Makes streams, within `make`, that hold one piece of what comes: the rest waits in the kernel until
 * somebody reads, and is then one piece. As Node has it, each small write of a program wakes our
 * thread, also while nobody wants to read. Streams of a child are given no such option.
 */
export function readingOnDemand<T>(make: () => T): T {
  const usual = getDefaultHighWaterMark(false);
  setDefaultHighWaterMark(false, HELD_BYTES);
  try {
    return make();
  } finally {
    setDefaultHighWaterMark(false, usual);
  }
}
