import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageChunkFilter } from './usage-chunk-filter.ts';

const text = 'data: {"choices":[{"delta":{"content":"ä \\"usage\\":{} 🙂"}}],"usage":null}\n\n';
const usage = 'data: {"choices": [], "usage": {"prompt_tokens":1,"completion_tokens":2}}\n\n';
const both = 'data: {"choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}\n\n';
const done = 'data: [DONE]\n\n';
const stream = Buffer.from([text, ': note\n\n', both, usage, done].join(''));

function filtered(pieces: Buffer[]): string {
  const filter = new UsageChunkFilter();
  return Buffer.concat([...pieces.map((piece) => filter.push(piece)), filter.flush()]).toString();
}

describe('the usage chunk that nobody asked for', () => {
  it('is taken out, and nothing else', () => {
    expect(filtered([stream])).toBe([text, ': note\n\n', both, done].join(''));
  });

  it('is taken out wherever the stream is split, with either line ending', () => {
    const crlf = Buffer.from(stream.toString().replaceAll('\n', '\r\n'));
    for (const bytes of [stream, crlf]) {
      const whole = filtered([bytes]);
      expect(whole).not.toContain('"choices": []');
      for (let at = 0; at <= bytes.length; at += 1) {
        expect(filtered([bytes.subarray(0, at), bytes.subarray(at)])).toBe(whole);
      }
    }
  });

  it('a whole event passes at once', () => {
    const filter = new UsageChunkFilter();
    expect(filter.push(Buffer.from(text)).toString()).toBe(text);
    expect(filter.push(Buffer.from(usage)).length).toBe(0);
    expect(filter.push(Buffer.from(done)).toString()).toBe(done);
  });

  it('bytes that are no events come out whole', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), (chunks) => {
        const pieces = chunks.map((chunk) => Buffer.from(chunk));
        const filter = new UsageChunkFilter();
        const out = Buffer.concat([...pieces.map((piece) => filter.push(piece)), filter.flush()]);
        expect(out.equals(Buffer.concat(pieces))).toBe(true);
      }),
    );
  });

  it('an event that comes in very small pieces is not looked through at each of them', () => {
    const filter = new UsageChunkFilter();
    const piece = Buffer.alloc(32, 'x');
    let passed = 0;
    for (let index = 0; index < 100_000; index += 1) passed += filter.push(piece).length;
    expect(passed).toBe(0);
    expect(filter.push(Buffer.from('\n')).length).toBe(0);
    expect(filter.push(Buffer.from('\n')).length).toBe(3_200_002);
  });

  it('an endless event is passed on unread', () => {
    const filter = new UsageChunkFilter();
    const block = Buffer.alloc(1024 * 1024, 'x');
    let passed = 0;
    for (let index = 0; index < 12; index += 1) passed += filter.push(block).length;
    expect(passed).toBeGreaterThan(8 * 1024 * 1024);
  });
});
