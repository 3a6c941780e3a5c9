import { GatheredBytes } from '@karta/protocol';
import { createParser } from 'eventsource-parser';
import { METERED_UNIT_BYTES } from '../limits.ts';
import type { RouteName } from '../wire/routes.ts';
import { toldBy } from '../wire/stream-error.ts';
import { emptyReport, READ_ANSWER, READ_EVENT, type Report } from './report.ts';

/** Reads the usage out of an answer as its bytes pass, however they are cut. */
export interface AnswerReader {
  push(chunk: Uint8Array): void;
  /** The answer is complete. */
  end(): void;
  readonly report: Readonly<Report>;
}

/** A reader for the answer to a call of `route` with this content type. */
export function answerReader(route: RouteName, contentType: string): AnswerReader {
  return contentType.startsWith('text/event-stream') ? streamReader(route) : wholeReader(route);
}

function streamReader(route: RouteName): AnswerReader {
  const report = emptyReport();
  const decoder = new TextDecoder();
  const read = READ_EVENT[route];
  let open = read !== undefined;
  let first = true;
  const parser = createParser({
    maxBufferSize: METERED_UNIT_BYTES,
    onEvent({ data }) {
      const event = parse(data);
      const told = event === null ? 'answer' : toldBy(event);
      const refused = told === 'refusal' || (told === 'failure' && first);
      report.refused ||= refused && !report.begun;
      first = false;
      if (event !== null) read?.(report, event);
      report.begun ||= told === 'answer' || report.input !== null;
    },
    onError(error) {
      if (error.type === 'max-buffer-size-exceeded') open = false;
    },
  });
  return {
    report,
    push(chunk) {
      if (open) parser.feed(decoder.decode(chunk, { stream: true }));
    },
    end() {},
  };
}

function wholeReader(route: RouteName): AnswerReader {
  const report = emptyReport();
  const gathered = new GatheredBytes();
  let size = 0;
  return {
    report,
    push(chunk) {
      size += chunk.length;
      if (size <= METERED_UNIT_BYTES) gathered.push(chunk);
      else gathered.take();
    },
    end() {
      const answer = parse(new TextDecoder().decode(gathered.take()));
      if (answer === null) report.outputUnits = size;
      else READ_ANSWER[route]?.(report, answer);
    },
  };
}

/** A JSON object, or `null` for anything else: `[DONE]`, an empty line, a broken answer. */
function parse(text: string): Record<string, unknown> | null {
  if (!text.startsWith('{') && !text.trimStart().startsWith('{')) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
