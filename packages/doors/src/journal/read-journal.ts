import { LeaseSums } from './lease-sums.ts';
import type { BegunCall } from './line.ts';
import { emptySegment, readSegment, type Segment, segmentNumbers } from './segment.ts';

/** What an earlier process left. */
export interface Recovered {
  segments: Segment[];
  lastSeq: number;
  acked: number;
  /** Calls that had begun and whose end nobody wrote down. */
  lost: BegunCall[];
  /** Taken by settled calls from leases that have not been told. */
  leases: LeaseSums;
  /** Lines that are not what was written, such as one that a crash tore. */
  damaged: number;
  nextNumber: number;
}

/** Reads a journal's files from the first to the last. */
export async function readJournal(folder: string): Promise<Recovered> {
  const segments: Segment[] = [];
  const begun = new Map<string, BegunCall>();
  const leases = new LeaseSums();
  let [lastSeq, acked, damaged] = [0, 0, 0];
  const numbers = await segmentNumbers(folder);
  for (const number of numbers) {
    const segment = emptySegment(folder, number);
    const read = await readSegment(segment);
    segment.bytes = read.bytes;
    damaged += read.damaged;
    for (const line of read.lines) {
      leases.add(line);
      if (line.kind === 'begun') begun.set(line.call.id, line.call);
      else if (line.kind === 'acked') acked = Math.max(acked, line.through);
      else if (line.kind === 'settled') {
        begun.delete(line.id);
        segment.lastSeq = Math.max(segment.lastSeq, line.record?.seq ?? 0);
      }
    }
    lastSeq = Math.max(lastSeq, segment.lastSeq, acked);
    segments.push(segment);
  }
  const lost = [...begun.values()];
  return { segments, lastSeq, acked, lost, leases, damaged, nextNumber: (numbers.at(-1) ?? 0) + 1 };
}
