import { mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { checkId } from '../../spec/check-spec.ts';

const volumeRecord = z.strictObject({
  /** `image`: a file system in a file, its size the quota. `folder`: a tree that is watched. */
  kind: z.enum(['image', 'folder']),
  /** Owner of all files that sandboxed code makes. */
  user: z.number().int().nonnegative(),
});

export type VolumeRecord = z.infer<typeof volumeRecord>;

/** A volume on the host. What lies in `data` is never looked at from outside. */
export interface Volume extends VolumeRecord {
  id: string;
  /** The image file or the folder. */
  data: string;
}

export interface VolumeStore {
  find(id: string): Promise<Volume | null>;
  /** Makes a volume; `fill` makes its data at the given path. */
  create(id: string, record: VolumeRecord, fill: (data: string) => Promise<void>): Promise<Volume>;
  /** Removes a volume; `empty` removes what sandboxed code wrote. */
  remove(id: string, empty: (volume: Volume) => Promise<void>): Promise<void>;
  list(): Promise<string[]>;
}

export function volumeStore(root: string): VolumeStore {
  const folderOf = (id: string) => {
    checkId(id, 'the volume id');
    return join(root, id);
  };
  const store: VolumeStore = {
    async find(id) {
      const folder = folderOf(id);
      const text = await readFile(join(folder, 'record.json'), 'utf8').catch(absent);
      if (text === null) return null;
      const record = volumeRecord.parse(JSON.parse(text));
      return { ...record, id, data: join(folder, dataName(record)) };
    },
    async create(id, record, fill) {
      const folder = folderOf(id);
      // A volume exists from the moment its record does; what a crash left before that is remade.
      await rm(folder, { recursive: true, force: true });
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const data = join(folder, dataName(record));
      await fill(data);
      const unfinished = join(folder, 'record.unfinished');
      await writeFile(unfinished, JSON.stringify(record), { mode: 0o600 });
      await rename(unfinished, join(folder, 'record.json'));
      return { ...record, id, data };
    },
    async remove(id, empty) {
      const volume = await store.find(id);
      const folder = folderOf(id);
      if (volume !== null) await empty(volume);
      if (volume?.kind === 'folder') await rmdir(volume.data);
      await rm(folder, { recursive: true, force: true });
    },
    async list() {
      const entries = await readdir(root, { withFileTypes: true }).catch((error) => {
        if (absent(error) === null) return [];
        throw error;
      });
      return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
    },
  };
  return store;
}

function dataName(record: VolumeRecord): string {
  return record.kind === 'image' ? 'image.ext4' : 'tree';
}

function absent(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}
