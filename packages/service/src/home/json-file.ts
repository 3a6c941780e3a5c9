import { readFile } from 'node:fs/promises';
import { z } from 'zod';

/**
 * A JSON file of the platform home, or `null` when it is absent. Throws an `Error` that
 * names the file and what is wrong.
 */
export async function readJsonFile<T>(path: string, schema: z.ZodType<T>): Promise<T | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  return parseJsonFile(path, text, schema);
}

function parseJsonFile<T>(path: string, text: string, schema: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // The engine's message quotes the text around the mistake, which may be a credential.
    const position = /position \d+/.exec((error as Error).message)?.[0];
    throw new Error(`${path} is not JSON${position ? ` (${position})` : ''}. Repair or remove it.`);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new Error(`${path} is not valid: ${z.prettifyError(parsed.error)}. Repair or remove it.`);
}
