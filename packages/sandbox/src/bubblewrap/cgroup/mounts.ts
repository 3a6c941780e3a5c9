import { readFile } from 'node:fs/promises';

/** Where the hierarchies of control groups are mounted. */
export interface HierarchyMounts {
  /** Mount point by controller, of version 1. */
  v1: ReadonlyMap<string, string>;
  /** Mount point of version 2: the only one, or the `unified` one beside version 1. */
  v2: string | null;
}

/** Reads `/proc/self/mounts`. */
export async function hierarchyMounts(file = '/proc/self/mounts'): Promise<HierarchyMounts> {
  return parseMounts(await readFile(file, 'utf8').catch(() => ''));
}

export function parseMounts(text: string): HierarchyMounts {
  const v1 = new Map<string, string>();
  let v2: string | null = null;
  for (const line of text.split('\n')) {
    const [, point, type, options] = line.split(' ');
    if (point === undefined || options === undefined) continue;
    if (type === 'cgroup2') v2 ??= point;
    if (type !== 'cgroup') continue;
    for (const option of options.split(',')) if (!v1.has(option)) v1.set(option, point);
  }
  return { v1, v2 };
}
