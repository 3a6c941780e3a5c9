import type { NamespaceSandbox } from './namespace-sandbox.ts';

/** How often the volume is counted: what is written in between is not yet seen. */
const INTERVAL_S = 2;
/** The longest honest line is a number and a path. */
const MAX_LINE = 200;
const COUNT_SCRIPT = `while :; do
  /usr/bin/du -skx /workspace /home/agent 2>/dev/null | while read -r kb _; do printf '%s ' "$kb"; done
  echo; /usr/bin/sleep ${INTERVAL_S}
done`;

/**
 * Counts a volume that has no size of its own, by a process inside, and ends the sandbox's
 * processes when it has grown past its limit. The counter shares no process namespace with the
 * agent, which can neither stop nor speak for it.
 */
export function watchQuota(sandbox: NamespaceSandbox, limitBytes: number): void {
  const counter = sandbox.spawn({ argv: ['/bin/sh', '-c', COUNT_SCRIPT], env: {}, offers: [] });
  counter.stdin.end();
  counter.stderr.resume();
  let line = '';
  counter.stdout.on('data', (chunk) => {
    line += String(chunk);
    if (line.length > MAX_LINE) line = line.slice(-MAX_LINE);
    const end = line.indexOf('\n');
    if (end < 0) return;
    const counts = line.slice(0, end).trim().split(' ').map(Number);
    line = line.slice(end + 1);
    if (counts.length !== 2 || counts.some((count) => !Number.isFinite(count))) return;
    sandbox.diskBytes = counts.reduce((sum, count) => sum + count, 0) * 1024;
    if (sandbox.diskBytes > limitBytes) {
      sandbox.violate({ limit: 'disk', message: 'the volume has grown past its limit' });
    }
  });
}
