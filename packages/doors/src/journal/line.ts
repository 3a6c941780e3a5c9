import { crc32 } from 'node:zlib';
import { callFields, callOf, type UsageRecord, usageRecord } from '@karta/protocol';
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
export type JournalLine = z.infer<typeof journalLine> & {
  /** Of one that was written with a record: that by position, as JSON. */
  recordJson?: string;
};

const CHECKSUM_HEX = 8;

/** How lines of calls begin, which are written by position; all others are objects. */
const BEGUN = 'begun';
const SETTLED = 'settled';

/** One line of a journal file: a checksum, then JSON. */
export function encodeLine(line: JournalLine): string {
  const json = jsonOf(line);
  return `${checksum(json)} ${json}\n`;
}

function jsonOf(line: JournalLine): string {
  if (line.kind === 'begun') return JSON.stringify([BEGUN, callFields(line.call)]);
  if (line.kind !== 'settled') return JSON.stringify(line);
  const { id, record } = line;
  if (record === null) return JSON.stringify([SETTLED, id]);
  line.recordJson = recordJson(record);
  return `["${SETTLED}",${JSON.stringify(id)},${line.recordJson}]`;
}

/** A record's number and its call by position, as JSON without brackets around them. */
export function recordJson(record: UsageRecord): string {
  return `${record.seq},${JSON.stringify(callFields(record))}`;
}

/**
 * What a line says; `null` when it is torn or damaged. Lines in which a call stands by name are of
 * earlier versions.
 */
export function decodeLine(text: string): JournalLine | null {
  const json = text.slice(CHECKSUM_HEX + 1);
  if (text[CHECKSUM_HEX] !== ' ' || checksum(json) !== text.slice(0, CHECKSUM_HEX)) return null;
  const said: unknown = JSON.parse(json);
  return journalLine.parse(Array.isArray(said) ? byName(said) : said);
}

function byName([kind, ...said]: readonly unknown[]): unknown {
  if (kind === BEGUN) return { kind, call: callOf(fieldsIn(said[0])) };
  const [id, seq, fields] = said;
  const record = fields === undefined ? null : { ...callOf(fieldsIn(fields)), seq };
  return { kind, id, record };
}

function fieldsIn(said: unknown): readonly unknown[] {
  return z.array(z.unknown()).parse(said);
}

function checksum(json: string): string {
  return crc32(json).toString(16).padStart(CHECKSUM_HEX, '0');
}
