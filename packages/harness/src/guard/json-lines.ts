import type { Readable } from 'node:stream';
import { type HostileJson, parseHostileJson } from './hostile-json.ts';
import { FRAME_LIMITS, type FrameLimits } from './limits.ts';
import { LineSplitter } from './split-lines.ts';
import { unhurried } from './unhurried.ts';

/**
 * Reads newline-framed JSON that a sandbox writes, batch by batch: all frames that one chunk
 * completed. Every frame is bounded and parsed by `parseHostileJson`; blank lines are skipped. The
 * source is read only as fast as batches are taken, so a flood waits in the sandbox's own pipe.
 *
 * Throws `GuardError`, after what came before it was yielded; the source is destroyed then, and also
 * when the reader stops early.
 */
export async function* readJsonLines(
  source: Readable,
  limits: FrameLimits = FRAME_LIMITS,
): AsyncGenerator<readonly HostileJson[]> {
  const lines = new LineSplitter(limits.frameBytes);
  for await (const chunk of unhurried(source)) yield* batchOf(lines.push(chunk), limits);
  const last = lines.end();
  if (last !== null) yield* batchOf([last], limits);
}

/** One batch, or none when all lines are blank; then the error of the line that breaks a bound. */
function* batchOf(
  lines: Iterable<Uint8Array>,
  limits: FrameLimits,
): Generator<readonly HostileJson[]> {
  const frames: HostileJson[] = [];
  let broken: unknown = null;
  try {
    for (const line of lines) if (!isBlank(line)) frames.push(parseHostileJson(line, limits));
  } catch (error) {
    broken = error;
  }
  if (frames.length > 0) yield frames;
  if (broken !== null) throw broken;
}

function isBlank(line: Uint8Array): boolean {
  for (const byte of line) {
    if (byte !== 0x20 && byte !== 0x0d && byte !== 0x09) return false;
  }
  return true;
}
