import { watch } from 'node:fs';
import { sep } from 'node:path';

/** Editors write a file in several steps, and a checkout changes many: wait until it is quiet. */
const QUIET_MS = 250;
const IGNORED = new Set(['.git', 'node_modules']);

/**
 * Calls `changed` after files below `folder` have changed and then stayed the same for a moment;
 * never twice at once: changes meanwhile make one more call.
 */
export function watchFolder(
  folder: string,
  changed: () => Promise<void>,
  quietMs: number = QUIET_MS,
): { close(): void } {
  let timer: NodeJS.Timeout | undefined;
  let running = false;
  let again = false;
  let closed = false;

  async function run(): Promise<void> {
    if (running) {
      again = true;
      return;
    }
    running = true;
    try {
      await changed();
    } finally {
      running = false;
    }
    if (again && !closed) {
      again = false;
      await run();
    }
  }

  const watcher = watch(folder, { recursive: true }, (_event, path) => {
    if (path?.split(sep).some((part) => IGNORED.has(part))) return;
    clearTimeout(timer);
    timer = setTimeout(() => void run(), quietMs);
  });
  // A folder that is removed under the watcher: there is nothing left to publish.
  watcher.on('error', () => watcher.close());
  return {
    close() {
      closed = true;
      clearTimeout(timer);
      watcher.close();
    },
  };
}
