import { createWriteStream, existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** A log larger than this at the start of a server is set aside as `<name>.log.1`. In bytes. */
const ROTATE_BYTES = 20 * 1024 * 1024;

/** Opens `logs/<name>.log` of a home for appending lines. */
export function openLog(home: string, name: string): { line(text: string): void; close(): void } {
  const folder = join(home, 'logs');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, `${name}.log`);
  if (existsSync(path) && statSync(path).size > ROTATE_BYTES) renameSync(path, `${path}.1`);
  const stream = createWriteStream(path, { flags: 'a', mode: 0o600 });
  // A full disk must not end the server; what it could not write is lost.
  stream.on('error', () => undefined);
  return { line: (text) => void stream.write(`${text}\n`), close: () => void stream.end() };
}
