import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { z } from 'zod';

/** The process was given no usable configuration. The message never holds a value of it. */
export class ConfigurationError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ConfigurationError';
  }
}

/**
 * Reads the one line of configuration, then calls `onClosed` when the input ends: the parent is
 * dead. Throws {@link ConfigurationError}.
 */
export async function readConfiguration<T>(
  schema: z.ZodType<T>,
  input: Readable,
  onClosed: () => void,
): Promise<T> {
  const lines = createInterface({ input, terminal: false });
  const line = await new Promise<string | null>((resolve) => {
    lines.once('line', resolve);
    lines.once('close', () => resolve(null));
  });
  if (line === null) throw new ConfigurationError('no configuration on standard input');
  lines.on('close', onClosed);
  const parsed = schema.safeParse(parseJson(line));
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues.map(({ path, message }) => `/${path.join('/')}: ${message}`);
  throw new ConfigurationError(where.join('; '));
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    // The parser's own message would quote the line, which holds secrets.
    throw new ConfigurationError('the configuration is not JSON');
  }
}
