import { CliError } from '../cli-error.ts';

/**
 * `KARTA_STALE_AUTH`: seconds that what was known of a key, or of an org's caps, counts while nobody
 * can be asked. For the `control` of a configuration; empty where it is not set.
 */
export function staleAuth({
  KARTA_STALE_AUTH: text,
}: Readonly<Record<string, string | undefined>>): { stale_auth_ms?: number } {
  if (!text) return {};
  if (/^\d{1,6}$/.test(text)) return { stale_auth_ms: Number(text) * 1000 };
  throw new CliError('usage', `KARTA_STALE_AUTH cannot be "${text}"`, 'Give it in seconds.');
}
