import { join } from 'node:path';
import { z } from 'zod';
import { isApiKey } from './api-key.ts';
import { writeFileAtomically } from './atomic-file.ts';
import { readJsonFile } from './json-file.ts';

/** `credentials.json`: what the CLI and a person's own programs need to call this platform. */
export const credentials = z.object({
  api_key: z.string().refine(isApiKey, 'must be an API key: kt_live_ and 32 letters or digits'),
  data_url: z.string().nullable(),
  control_url: z.string().nullable(),
});
export type Credentials = z.infer<typeof credentials>;

export function credentialsPath(home: string): string {
  return join(home, 'credentials.json');
}

/** The credentials, or `null` when there are none. Throws an `Error` naming the file when broken. */
export async function readCredentials(home: string): Promise<Credentials | null> {
  return readJsonFile(credentialsPath(home), credentials);
}

export async function writeCredentials(home: string, value: Credentials): Promise<void> {
  await writeFileAtomically(credentialsPath(home), `${JSON.stringify(value, null, 2)}\n`);
}
