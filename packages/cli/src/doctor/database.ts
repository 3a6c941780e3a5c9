import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '@karta/postgres';
import { type Finding, finding } from './finding.ts';

/** Whether the embedded database really starts, tried in a folder of its own. */
export async function databaseFinding(ownUrl: string | undefined): Promise<Finding> {
  if (ownUrl !== undefined && ownUrl !== '') {
    return finding('database', 'PostgreSQL', 'good', ['your own (KARTA_DATA_DATABASE_URL)']);
  }
  const home = await mkdtemp(join(tmpdir(), 'karta-doctor-'));
  try {
    const began = performance.now();
    const server = await startPostgres({ home });
    await server.stop();
    const took = Math.round(performance.now() - began);
    return finding('database', 'PostgreSQL', 'good', [`embedded, made and started in ${took} ms`]);
  } catch (error) {
    return finding(
      'database',
      'PostgreSQL',
      'missing',
      [(error as Error).message],
      ['Name a server of your own: KARTA_DATA_DATABASE_URL=postgresql://…'],
    );
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}
