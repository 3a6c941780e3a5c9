import { crc32 } from 'node:zlib';
import { usageRecord } from '@karta/protocol';
import { z } from 'zod';

const begun = usageRecord.omit({ seq: true });
/** A call that was sent on its way, with what it costs at the least. */
export type BegunCall = z.infer<typeof begun>;

const wholeNumber = z.string().regex(/^\d+$/);

const journalLine = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('begun'), call: begun }),
  /** The call is over. `record` is null when it cost nothing. */
  z.strictObject({ kind: z.literal('settled'), id: z.string(), record: usageRecord.nullable() }),
  z.strictObject({ kind: z.literal('acked'), through: z.int().nonnegative() }),
  /** First in a file: what settled calls of earlier files took from leases that are not told. */
  z.strictObject({ kind: z.literal('leases'), taken: z.record(z.string(), wholeNumber) }),
  /** The control plane knows all that was taken from this lease. */
  z.strictObject({ kind: z.literal('told'), lease_id: z.string() }),
]);
export type JournalLine = z.infer<typeof journalLine>;

const CHECKSUM_HEX = 8;

/** One line of a journal file: a checksum, then JSON. */
export function encodeLine(line: JournalLine): string {
  const json = JSON.stringify(line);
  return `${checksum(json)} ${json}\n`;
}

/** What a line says; `null` when it is torn or damaged. */
export function decodeLine(text: string): JournalLine | null {
  const json = text.slice(CHECKSUM_HEX + 1);
  if (text[CHECKSUM_HEX] !== ' ' || checksum(json) !== text.slice(0, CHECKSUM_HEX)) return null;
  return journalLine.parse(JSON.parse(json));
}

function checksum(json: string): string {
  return crc32(json).toString(16).padStart(CHECKSUM_HEX, '0');
}
