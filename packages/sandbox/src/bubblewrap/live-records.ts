import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { alive, identify } from './process-identity.ts';

const liveRecord = z.strictObject({
  owner: z.strictObject({ pid: z.number().int(), started: z.string() }),
  volumeId: z.string(),
  /** The sandbox's folder below the runtime folder. */
  folder: z.string(),
});

export type LiveRecord = z.infer<typeof liveRecord>;

/** What is on disk of live sandboxes, so that a later process can clean up after this one. */
export interface LiveRecords {
  add(id: string, volumeId: string, folder: string): Promise<void>;
  remove(id: string): Promise<void>;
  /** Records whose process lives, and those whose process has died. */
  sort(): Promise<{ live: Map<string, LiveRecord>; dead: Map<string, LiveRecord> }>;
}

export function liveRecords(root: string): LiveRecords {
  const fileOf = (id: string) => join(root, `${id}.json`);
  return {
    async add(id, volumeId, folder) {
      await mkdir(root, { recursive: true, mode: 0o700 });
      const owner = identify(process.pid);
      await writeFile(`${fileOf(id)}.unfinished`, JSON.stringify({ owner, volumeId, folder }));
      await rename(`${fileOf(id)}.unfinished`, fileOf(id));
    },
    remove: (id) => rm(fileOf(id), { force: true }),
    async sort() {
      const live = new Map<string, LiveRecord>();
      const dead = new Map<string, LiveRecord>();
      for (const name of await readdir(root).catch((): string[] => [])) {
        if (!name.endsWith('.json')) continue;
        const record = await readRecord(join(root, name));
        if (record === null) continue;
        (alive(record.owner) ? live : dead).set(name.slice(0, -'.json'.length), record);
      }
      return { live, dead };
    },
  };
}

async function readRecord(file: string): Promise<LiveRecord | null> {
  try {
    return liveRecord.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    // Removed by its owner meanwhile.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
