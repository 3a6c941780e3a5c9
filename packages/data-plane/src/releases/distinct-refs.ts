import { folderName, projectRef } from './project-ref.ts';

/**
 * Folders that would become one project because their names give the same ref: each pair, for a
 * refusal before any is published. A folder that names itself in karta.toml may still collide, and
 * is then the next release of that project.
 */
export function collidingFolders(folders: readonly string[]): { ref: string; folders: string[] }[] {
  const byRef = new Map<string, string[]>();
  for (const folder of folders) {
    const ref = projectRef(folderName(folder));
    if (ref !== null) byRef.set(ref, [...(byRef.get(ref) ?? []), folder]);
  }
  return [...byRef]
    .filter(([, same]) => same.length > 1)
    .map(([ref, same]) => ({ ref, folders: same }));
}
