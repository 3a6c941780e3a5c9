import { readFileSync } from 'node:fs';

/** A process for good: its id may be given again, but not with the same start time. */
export interface ProcessIdentity {
  pid: number;
  /** Clock ticks since the boot of the machine. */
  started: string;
}

/** Identity of a live process, `null` when there is none or it has ended but was not yet awaited. */
export function identify(pid: number): ProcessIdentity | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const started = fields[19];
    if (started === undefined || fields[0] === 'Z' || fields[0] === 'X') return null;
    return { pid, started };
  } catch {
    return null;
  }
}

export function alive(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.started === identity.started;
}
