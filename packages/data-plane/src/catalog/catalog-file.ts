import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseJsonFile, writeFileAtomically } from '@karta/service/home';
import { type CatalogState, catalogState } from './catalog-state.ts';

function catalogPath(home: string): string {
  return join(home, 'data', 'catalog.json');
}

/** The catalog as it was last written; `null` before the first sync. */
export async function readCatalogFile(home: string): Promise<CatalogState | null> {
  const path = catalogPath(home);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  return parseJsonFile(path, text, catalogState);
}

/** Replaces it in one step. */
export async function writeCatalogFile(home: string, state: CatalogState): Promise<void> {
  const path = catalogPath(home);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFileAtomically(path, JSON.stringify(state));
}
