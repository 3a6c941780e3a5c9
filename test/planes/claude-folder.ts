import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A small application for Claude Code. */
export async function claudeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'karta-claude-'));
  await writeFile(join(folder, 'CLAUDE.md'), 'Be brief.\n');
  return folder;
}
