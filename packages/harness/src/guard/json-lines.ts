import type { Readable } from 'node:stream';
import { type HostileJson, parseHostileJson } from './hostile-json.ts';
import { FRAME_LIMITS, type FrameLimits } from './limits.ts';
import { splitLines } from './split-lines.ts';

/**
 * Reads newline-framed JSON that a sandbox writes. Every frame is bounded and parsed by
 * `parseHostileJson`; blank lines are skipped. The source is read only as fast as frames are taken,
 * so a flood waits in the sandbox's own pipe.
 *
 * Throws `GuardError`; the source is destroyed then, and also when the reader stops early.
 */
export async function* readJsonLines(
  source: Readable,
  limits: FrameLimits = FRAME_LIMITS,
): AsyncGenerator<HostileJson> {
  for await (const line of splitLines(source, limits.frameBytes)) {
    if (isBlank(line)) continue;
    yield parseHostileJson(line, limits);
  }
}

function isBlank(line: Uint8Array): boolean {
  for (const byte of line) {
    if (byte !== 0x20 && byte !== 0x0d && byte !== 0x09) return false;
  }
  return true;
}
