import { readdirSync, readFileSync } from 'node:fs';

/** A process of this machine, as `/proc` shows it. */
export interface SeenProcess {
  pid: number;
  parent: number;
  command: string;
}

/** Every process, kernel threads and the dying left out. */
export function processes(): SeenProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
        const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        if (command === '' || state === 'Z') return [];
        return [{ pid: Number(name), parent: Number(parent), command }];
      } catch {
        // It ended while we looked.
        return [];
      }
    });
}

/** All descendants of a process. */
export function descendantsOf(pid: number): SeenProcess[] {
  const all = processes();
  const found: SeenProcess[] = [];
  let parents = new Set([pid]);
  while (parents.size > 0) {
    const children = all.filter((process) => parents.has(process.parent));
    found.push(...children);
    parents = new Set(children.map((process) => process.pid));
  }
  return found;
}

/** Those of `seen` that still live; a pid given to another program meanwhile does not count. */
export function stillAlive(seen: readonly SeenProcess[]): SeenProcess[] {
  const now = new Map(processes().map((process) => [process.pid, process.command]));
  return seen.filter((process) => now.get(process.pid) === process.command);
}
