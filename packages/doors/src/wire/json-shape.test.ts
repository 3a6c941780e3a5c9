import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { REQUEST_BODY_BYTES, REQUEST_JSON_DEPTH, REQUEST_JSON_TOKENS } from '../limits.ts';
import { bodyShape } from './json-shape.ts';
import { prepareRequest } from './prepare-request.ts';

const of = (text: string) => bodyShape(Buffer.from(text)).problem;
const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

describe('the shape of a request', () => {
  it('honest JSON passes, whatever its strings hold', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
        expect(of(JSON.stringify(value))).toBeNull();
        expect(of(JSON.stringify({ text: JSON.stringify(value).repeat(50) }))).toBeNull();
      }),
    );
    const brackets = JSON.stringify({ text: `${'[,'.repeat(REQUEST_JSON_TOKENS)}\\` });
    expect(of(brackets)).toBeNull();
    expect(of(JSON.stringify(`\\"${'[,'.repeat(REQUEST_JSON_TOKENS)}`))).toBeNull();
  });

  it('what an escape hides is no end of a string, and what follows a string counts', () => {
    const many = ','.repeat(REQUEST_JSON_TOKENS + 1);
    expect(of(`"\\\\"${many}`)).toMatch(/members/);
    expect(of(`"\\"${many}"`)).toBeNull();
    expect(of(`"never ended ${many}`)).toBeNull();
  });

  it('depth and number are bounded, each at its limit', () => {
    expect(of(nested(REQUEST_JSON_DEPTH))).toBeNull();
    expect(of(nested(REQUEST_JSON_DEPTH + 1))).toMatch(/nested/);
    expect(of(`[${'1,'.repeat(REQUEST_JSON_TOKENS - 1)}1]`)).toBeNull();
    expect(of(`[${'1,'.repeat(REQUEST_JSON_TOKENS)}1]`)).toMatch(/members/);
  });

  it.each(['messages', 'chat', 'responses'] as const)('a bomb on %s is never parsed', (route) => {
    const bomb = `{"messages":[${'{},'.repeat(REQUEST_BODY_BYTES / 3 - 10)}{}]}`;
    const before = process.memoryUsage().heapTotal;
    expect(prepareRequest(route, Buffer.from(bomb))).toEqual({
      problem: 'The body has too many members.',
    });
    // Parsed it would be some 900 MB.
    expect(process.memoryUsage().heapTotal - before).toBeLessThan(100 * 1024 * 1024);
  });
});
