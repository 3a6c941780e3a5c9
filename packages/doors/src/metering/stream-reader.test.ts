import { createParser } from 'eventsource-parser';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UNREAD_STREAM_BYTES } from '../limits.ts';
import type { RouteName } from '../wire/routes.ts';
import { toldBy } from '../wire/stream-error.ts';
import { jsonObject } from './json-object.ts';
import { emptyReport, READ_EVENT, type Report } from './report.ts';
import { StreamReader } from './stream-reader.ts';

const ROUTES: RouteName[] = ['messages', 'chat', 'responses'];

/** What a stream tells to whoever reads all of it at its end. */
function readWhole(route: RouteName, stream: Buffer): Report {
  const report = emptyReport();
  let first = true;
  const parser = createParser({
    onEvent({ data }) {
      const event = jsonObject(data);
      const told = event === null ? 'answer' : toldBy(event);
      const refused = told === 'refusal' || (told === 'failure' && first);
      report.refused ||= refused && !report.begun;
      first = false;
      if (event !== null) READ_EVENT[route]?.(report, event);
      report.begun ||= told === 'answer' || report.input !== null;
    },
  });
  parser.feed(new TextDecoder().decode(stream));
  return report;
}

function reportOf(reader: StreamReader): Report {
  return { ...reader.told, outputUnits: reader.outputUnits() };
}

/** Cut at these places, which count from the end of one piece to the next. */
function pieces(stream: Buffer, cuts: readonly number[]): Buffer[] {
  const cut: Buffer[] = [];
  let from = 0;
  for (const length of cuts) {
    cut.push(stream.subarray(from, from + length));
    from += length;
  }
  return [...cut, stream.subarray(from)];
}

const key = fc.constantFrom(
  ...['usage', '\\u0075sage', 'us\\u0061ge', '\\u0055sage', 'us\\nage', 'Usage', 'us\nage', 'usag'],
);
const count = fc.constantFrom('3', '7', '-1', '1e2', '"4"', '1.5', 'null', '{}', '9'.repeat(20));
const gap = fc.constantFrom('', '', ' ', '\t', '\ndata: ', '\r\ndata:', '\rdata:');
const text = fc.oneof(
  fc.constantFrom('', 'word ', 'Grüße 🙂', '\\"usage\\":', 'usage', '\\u00e4', '\\ud83d', '\ufeff'),
  fc.string({ maxLength: 8 }),
);
const member = fc.oneof(
  fc.tuple(key, gap, gap, count, count).map(([name, before, behind, input, output]) => {
    const counts = ['input_tokens', 'prompt_tokens'].map((told) => `"${told}":${input}`);
    const more = ['output_tokens', 'completion_tokens'].map((told) => `"${told}":${output}`);
    return `"${name}"${before}:${behind}{${[...counts, ...more]}}`;
  }),
  text.map((told) => `"delta":{"text":"${told}","content":"${told}"}`),
  text.map((told) => `"delta":"${told}"`),
  text.map((told) => `"choices":[{"delta":{"content":"${told}","reasoning":"${told}"}}]`),
  fc.constantFrom(
    ...['"type":"message_start"', '"type":"message_delta"', '"type":"content_block_delta"'],
    ...['"type":"error"', '"error":{}', '"\\u0065rror":{"type":"x"}', '"type":"x"', '"x":[]'],
    ...['"type":"response.created"', '"code":"rate_limit_exceeded"', '"type":"response.failed"'],
  ),
);
const object = fc
  .tuple(fc.array(member, { maxLength: 4 }), fc.constantFrom('', 'message', 'response'))
  .map(([members, within]) => {
    const told = `{${members.join(',')}}`;
    return within === '' ? told : `{"type":"message_start","${within}":${told}}`;
  });
const line = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.tuple(fc.constantFrom('data:', 'data: '), object).map((a) => a.join('')),
  },
  fc.constantFrom('event: usage', 'id: 1', ': usage', 'data', 'usage', '', '\ufeffdata: {}'),
  fc.constantFrom('data: [DONE]', 'data: {"usage":', 'data: age":{}}', '\ufeffdata: {"delta":"x"}'),
);
const ending = fc.constantFrom(
  '\n\n',
  '\n\n',
  '\n\n',
  '\r\n\r\n',
  '\r\r',
  '\n',
  '\r\n\n',
  '\n\r',
  '',
);
const event = fc.oneof(
  { weight: 9, arbitrary: fc.tuple(line, ending).map(([told, end]) => Buffer.from(told + end)) },
  fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes)),
  fc.constantFrom(Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from([0xf0, 0x9f])),
);
const plain = Buffer.from('data: {"delta":"ok","choices":[{"delta":{"content":"ok"}}]}\n\n');
/** Half of them begin as streams do, so that what follows may be put off. */
const stream = fc
  .tuple(fc.boolean(), fc.array(event, { maxLength: 12 }))
  .map(([begun, events]) => Buffer.concat([...(begun ? [plain] : []), ...events]));
const cuts = fc.oneof(
  fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 60 }),
  fc.array(fc.integer({ min: 0, max: 90 }), { maxLength: 12 }),
  fc.constant([plain.length]),
);

describe('an event stream that is read only where it may tell a count', () => {
  it('tells what it tells to whoever reads all of it, however it is spelled and cut', () => {
    fc.assert(
      fc.property(fc.constantFrom(...ROUTES), stream, cuts, (route, bytes, at) => {
        const reader = new StreamReader(route);
        for (const piece of pieces(bytes, at)) reader.push(piece);
        const { outputUnits: _, ...told } = readWhole(route, bytes);
        expect(reader.told).toMatchObject(told);
        expect(reportOf(reader)).toEqual(readWhole(route, bytes));
      }),
      { numRuns: 600 },
    );
  });

  it('tells it at any time, whatever was asked before', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...ROUTES),
        stream,
        cuts,
        fc.nat(9),
        (route, bytes, at, often) => {
          const reader = new StreamReader(route);
          for (const [index, piece] of pieces(bytes, at).entries()) {
            reader.push(piece);
            if (index % (often + 1) === 0) reader.outputUnits();
          }
          expect(reportOf(reader)).toEqual(readWhole(route, bytes));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('is not read for a count that comes in a piece of its own', () => {
    const reader = new StreamReader('chat');
    for (let index = 0; index < 20; index += 1) reader.push(plain);
    const { unread } = reader;
    const usage = { prompt_tokens: 3, completion_tokens: 20 };
    reader.push(Buffer.from(`data: ${JSON.stringify({ choices: [], usage })}\n\n`));
    expect(reader.told).toMatchObject({ output: 20, final: true });
    expect(reader.unread).toBe(unread);
    expect(unread).toBe(19 * plain.length);
  });

  it('is not kept for longer than its text is short', () => {
    const reader = new StreamReader('chat');
    const events = Math.ceil(UNREAD_STREAM_BYTES / plain.length) + 100;
    for (let index = 0; index < events; index += 1) reader.push(plain);
    expect(reader.unread).toBeLessThanOrEqual(UNREAD_STREAM_BYTES);
    expect(reader.outputUnits()).toBe(2 * events);
    expect(reader.unread).toBe(0);
  });
});
