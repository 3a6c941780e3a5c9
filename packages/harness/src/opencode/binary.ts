import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { Installation } from '../port.ts';

const manifest = z.object({ version: z.string() });

/** npm packages that hold the binary, best first. */
function candidates(): string[] {
  const name = `opencode-${process.platform}-${process.arch}`;
  return [name, `${name}-baseline`];
}

/** Finds the binary that npm installed for this machine. */
export function findBinary(): Installation {
  const { resolve } = createRequire(import.meta.url);
  for (const name of candidates()) {
    let folder: string;
    try {
      folder = dirname(resolve(`${name}/package.json`));
    } catch {
      // Not installed: the next candidate, or the message below, says so.
      continue;
    }
    const binary = join(folder, 'bin', 'opencode');
    if (!existsSync(binary)) continue;
    const { version } = manifest.parse(
      JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')),
    );
    return { installed: true, version, binary };
  }
  const [name] = candidates();
  return { installed: false, message: `OpenCode is not installed: npm install ${name}` };
}
