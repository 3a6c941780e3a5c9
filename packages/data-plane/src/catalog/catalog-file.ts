import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readJsonFile, writeFileAtomically } from '@karta/service/home';
import { type CatalogState, catalogState } from './catalog-state.ts';

function catalogPath(home: string): string {
  return join(home, 'data', 'catalog.json');
}

/** The catalog as it was last written; `null` before the first sync. */
export async function readCatalogFile(home: string): Promise<CatalogState | null> {
  return readJsonFile(catalogPath(home), catalogState);
}

/** Replaces it in one step. */
export async function writeCatalogFile(home: string, state: CatalogState): Promise<void> {
  const path = catalogPath(home);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFileAtomically(path, JSON.stringify(state));
}
