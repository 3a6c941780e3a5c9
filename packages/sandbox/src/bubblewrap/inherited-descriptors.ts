import { readdirSync, readFileSync } from 'node:fs';

/** The bit of O_CLOEXEC in `/proc/self/fdinfo`. */
const CLOSE_ON_EXEC = 0o2000000;

/**
 * Descriptors that this process was started with and would hand to every child: whoever started
 * the platform may have left anything open. What Node opens itself is never handed on.
 */
export function inheritedDescriptors(): number[] {
  const found: number[] = [];
  for (const name of readdirSync('/proc/self/fd')) {
    const descriptor = Number(name);
    if (descriptor <= 2) continue;
    try {
      const info = readFileSync(`/proc/self/fdinfo/${name}`, 'utf8');
      const flags = Number.parseInt(/^flags:\s*([0-7]+)/m.exec(info)?.[1] ?? '0', 8);
      if ((flags & CLOSE_ON_EXEC) === 0) found.push(descriptor);
    } catch {
      // The descriptor of the listing itself, closed by now.
    }
  }
  return found;
}
