import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const serverFile = z.object({
  pid: z.int(),
  url: z.url(),
  control_url: z.url(),
  internal_url: z.url(),
  control_internal_url: z.url(),
});
/** `server.json`: what a running server tells the other commands on this machine. No secret. */
export type ServerFile = z.infer<typeof serverFile>;

function pathOf(home: string): string {
  return join(home, 'server.json');
}

export async function writeServerFile(home: string, content: ServerFile): Promise<void> {
  await writeFile(pathOf(home), `${JSON.stringify(content)}\n`, { mode: 0o600 });
}

export async function removeServerFile(home: string): Promise<void> {
  await rm(pathOf(home), { force: true });
}

/** The file of the server that runs, or `null`: absent, unreadable, or its process is gone. */
export async function readServerFile(home: string): Promise<ServerFile | null> {
  let text: string;
  try {
    text = await readFile(pathOf(home), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  const parsed = serverFile.safeParse(parse(text));
  return parsed.success && isAlive(parsed.data.pid) ? parsed.data : null;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Half written by a server that was killed: as good as absent.
    return null;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
