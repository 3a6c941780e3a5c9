import { GatheredBytes } from '@karta/protocol';
import { METERED_UNIT_BYTES } from '../limits.ts';
import type { RouteName } from '../wire/routes.ts';
import { jsonObject } from './json-object.ts';
import { emptyReport, READ_ANSWER, type Report } from './report.ts';
import { StreamReader } from './stream-reader.ts';

/** Reads the usage out of an answer as its bytes pass, however they are cut. */
export interface AnswerReader {
  push(chunk: Buffer): void;
  /** The answer is complete. */
  end(): void;
  /** What has been told up to now. */
  readonly told: Readonly<Told>;
  /** UTF-16 units of output seen. To ask for it can cost as much as reading the answer. */
  outputUnits(): number;
}

/** A report without what the doors count themselves. */
export type Told = Omit<Report, 'outputUnits'>;

/** A reader for the answer to a call of `route` with this content type. */
export function answerReader(route: RouteName, contentType: string): AnswerReader {
  return contentType.startsWith('text/event-stream') ? new StreamReader(route) : wholeReader(route);
}

function wholeReader(route: RouteName): AnswerReader {
  const report = emptyReport();
  /** Most answers come in one piece, which nobody needs to copy. */
  let first: Uint8Array | null = null;
  let gathered: GatheredBytes | null = null;
  let size = 0;
  return {
    told: report,
    outputUnits: () => report.outputUnits,
    push(chunk) {
      size += chunk.length;
      if (first === null) first = chunk;
      else {
        gathered ??= GatheredBytes.from(first);
        if (size <= METERED_UNIT_BYTES) gathered.push(chunk);
        else gathered.take();
      }
    },
    end() {
      const whole = gathered === null ? (first ?? NOTHING) : gathered.take();
      const answer = size > METERED_UNIT_BYTES ? null : jsonObject(UTF_8.decode(whole));
      if (answer === null) report.outputUnits = size;
      else READ_ANSWER[route]?.(report, answer);
    },
  };
}

const NOTHING = new Uint8Array();
/** Holds nothing between two answers, each of which it is given as a whole. */
const UTF_8 = new TextDecoder();
