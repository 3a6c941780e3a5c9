import { secretFile } from '../secret-file.ts';

const PEPPER_BYTES = 32;

/**
 * The key of every API key digest of this platform home, made at first use in `secrets/pepper`.
 * Stolen digests alone let nobody test guesses.
 */
export async function loadPepper(home: string): Promise<Buffer> {
  const text = await secretFile(home, 'pepper');
  if (/^[0-9a-f]{64}$/.test(text)) return Buffer.from(text, 'hex');
  throw new Error(`${home}/secrets/pepper is damaged: it must hold ${PEPPER_BYTES * 2} hex digits`);
}
