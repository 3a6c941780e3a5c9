import { cp, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { checkId } from '../spec/check-spec.ts';
import { makeWritable } from './protect.ts';

/** Volumes of the driver without isolation: plain folders of the platform's own user. */
export interface FolderVolumes {
  /** Makes sure that the volume exists, its workspace a copy of the release. */
  open(volumeId: string, release: string): Promise<{ workspace: string; home: string }>;
  destroy(volumeId: string): Promise<void>;
  list(): Promise<string[]>;
}

export function folderVolumes(root: string): FolderVolumes {
  return {
    async open(volumeId, release) {
      const folder = join(root, volumeId);
      const workspace = join(folder, 'workspace');
      const home = join(folder, 'home');
      await mkdir(home, { recursive: true, mode: 0o700 });
      if (!(await exists(workspace))) {
        // A copy that was cut short must not pass for a workspace.
        const unfinished = join(folder, 'workspace.unfinished');
        await rm(unfinished, { recursive: true, force: true });
        await cp(release, unfinished, { recursive: true, verbatimSymlinks: true });
        makeWritable(unfinished);
        await rename(unfinished, workspace);
      }
      return { workspace, home };
    },
    async destroy(volumeId) {
      checkId(volumeId, 'the volume id');
      await rm(join(root, volumeId), { recursive: true, force: true });
    },
    async list() {
      if (!(await exists(root))) return [];
      const entries = await readdir(root, { withFileTypes: true });
      return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
    },
  };
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null;
}
