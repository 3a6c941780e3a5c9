import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readJsonFile, writeFileAtomically } from '@karta/service/home';
import { z } from 'zod';

const loginFile = z.object({
  control_url: z.url(),
  /** A person's login or an API key. */
  token: z.string().min(1),
  /** The org to work in, for people in several. */
  org: z.string().nullable(),
});
/** `login.json`: where `karta login` signed in, and as whom. Secret. */
export type LoginFile = z.infer<typeof loginFile>;

function pathOf(home: string): string {
  return join(home, 'login.json');
}

/** The login, or `null` when there is none. Throws an `Error` naming the file when it is broken. */
export async function readLogin(home: string): Promise<LoginFile | null> {
  return readJsonFile(pathOf(home), loginFile);
}

/** Keeps the login, readable by its owner alone. */
export async function writeLogin(home: string, login: LoginFile): Promise<void> {
  await writeFileAtomically(pathOf(home), `${JSON.stringify(login, null, 2)}\n`);
}

export async function removeLogin(home: string): Promise<void> {
  await rm(pathOf(home), { force: true });
}
