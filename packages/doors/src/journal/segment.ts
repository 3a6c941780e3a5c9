import { type FileHandle, open, readdir, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeLine, type JournalLine } from './line.ts';

const NAME = /^usage-(\d{16})\.log$/;
const NAME_DIGITS = 16;
const FILE_MODE = 0o600;

/** One file of a journal. Its name orders it among the others. */
export interface Segment {
  number: number;
  path: string;
  /** Of the last record in it; 0 without one. */
  lastSeq: number;
  bytes: number;
  /** Calls that began in it and are not over. */
  open: number;
}

/** The files of a journal, the oldest first. */
export async function segmentNumbers(folder: string): Promise<number[]> {
  const names = await readdir(folder);
  return names
    .map((name) => NAME.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)
    .sort((a, b) => a - b);
}

/** A segment that is not there yet, and its open file. */
export async function createSegment(
  folder: string,
  number: number,
): Promise<{ segment: Segment; file: FileHandle }> {
  const segment = emptySegment(folder, number);
  const file = await open(segment.path, 'wx', FILE_MODE);
  // A file whose name is not on disk is lost with all that is in it.
  const parent = await open(folder, 'r');
  try {
    await parent.sync();
  } finally {
    await parent.close();
  }
  return { segment, file };
}

export function emptySegment(folder: string, number: number): Segment {
  const name = `usage-${String(number).padStart(NAME_DIGITS, '0')}.log`;
  return { number, path: join(folder, name), lastSeq: 0, bytes: 0, open: 0 };
}

/**
 * What a segment's file says. `damaged` counts lines that are not what was written. Zeros are room
 * that an earlier process had taken ahead and did not come to use.
 */
export async function readSegment(
  segment: Segment,
): Promise<{ lines: JournalLine[]; bytes: number; damaged: number }> {
  const bytes = await readFile(segment.path);
  const texts = bytes.toString().replaceAll('\0', '').split('\n');
  const lines: JournalLine[] = [];
  let damaged = 0;
  for (const text of texts) {
    if (text === '') continue;
    const line = decodeLine(text);
    if (line === null) damaged += 1;
    else lines.push(line);
  }
  return { lines, bytes: bytes.length, damaged };
}

export async function removeSegment(segment: Segment): Promise<void> {
  await unlink(segment.path);
}
