import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { AppFolder } from '@karta/harness';
import { KARTA_TOML, readKartaToml } from './karta-toml.ts';
import { RELEASE_LIMITS } from './limits.ts';
import { folderName, projectRef } from './project-ref.ts';

/**
 * Folders that would become one project because their names (or the `name` in their karta.toml)
 * give the same ref: to be refused before any of them is published, or each would replace the other.
 */
export function collidingFolders(folders: readonly string[]): { ref: string; folders: string[] }[] {
  const byRef = new Map<string, string[]>();
  for (const folder of folders) {
    const ref = refOfFolder(folder);
    if (ref !== null) byRef.set(ref, [...(byRef.get(ref) ?? []), folder]);
  }
  return [...byRef]
    .filter(([, same]) => same.length > 1)
    .map(([ref, same]) => ({ ref, folders: same }));
}

/** The ref that a folder is published as; `null` when none can be made of its name. */
export function refOfFolder(folder: string): string | null {
  return projectRef(ownName(folder) ?? folderName(folder));
}

/** The name that a folder gives itself; what is wrong with its karta.toml is the publish's to say. */
function ownName(folder: string): string | null {
  const path = join(folder, KARTA_TOML);
  const app: AppFolder = {
    paths: [KARTA_TOML],
    text() {
      const stat = statSync(path, { throwIfNoEntry: false });
      const readable = stat?.isFile() === true && stat.size <= RELEASE_LIMITS.textBytes;
      return readable ? readFileSync(path, 'utf8') : null;
    },
  };
  return readKartaToml(app).toml.name ?? null;
}
