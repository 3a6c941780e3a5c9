import { readdir, readFile } from 'node:fs/promises';

/** Memory and processes of a server, itself included. */
export interface ProcessTree {
  /** Proportional set size: pages that several processes share are counted once. */
  pssBytes: number;
  commands: string[];
  /** Itself first. */
  pids: number[];
}

/** Reads `/proc` for a process and all below it. */
export async function processTree(root: number): Promise<ProcessTree> {
  const children = new Map<number, number[]>();
  for (const name of await readdir('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
    if (stat === null) continue;
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const tree: ProcessTree = { pssBytes: 0, commands: [], pids: [] };
  const waiting = [root];
  for (let pid = waiting.pop(); pid !== undefined; pid = waiting.pop()) {
    waiting.push(...(children.get(pid) ?? []));
    const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
    const pss = /^Pss:\s+(\d+) kB/m.exec(rollup)?.[1];
    if (pss === undefined) continue;
    tree.pids.push(pid);
    tree.pssBytes += Number(pss) * 1024;
    tree.commands.push((await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trim());
  }
  return tree;
}
