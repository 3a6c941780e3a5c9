import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { validBody, validQuery } from './validate.ts';

const schema = z.strictObject({
  name: z.string().optional(),
  list: z.array(z.strictObject({ colour: z.string() })).optional(),
  choice: z
    .union([z.strictObject({ path: z.string() }), z.strictObject({ data: z.string() })])
    .optional(),
  'a/b~c': z.number().optional(),
});

function errorsOf(run: () => unknown): { pointer: string; message: string; parameter?: string }[] {
  try {
    run();
  } catch (error) {
    const { code, extra } = error as { code: string; extra: { errors: never } };
    expect(code).toBe('validation_failed');
    return extra.errors;
  }
  throw new Error('nothing was refused');
}

/** Processor time of this thread so far, in ms: what others run on the machine does not count. */
function processorMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

describe('validBody', () => {
  it('gives what the schema makes of it', () => {
    const trimmed = z.strictObject({ name: z.string().trim().default('x') });
    expect(validBody(trimmed, { name: ' a ' })).toEqual({ name: 'a' });
    expect(validBody(trimmed, {})).toEqual({ name: 'x' });
  });

  it('points at the field, by RFC 6901', () => {
    expect(errorsOf(() => validBody(schema, { 'a/b~c': 'x' }))[0]?.pointer).toBe('/a~1b~0c');
    const nested = errorsOf(() => validBody(schema, { list: [{ colour: 'red' }, {}] }));
    expect(nested).toEqual([{ pointer: '/list/1/colour', message: 'is required' }]);
  });

  it('tells the first mistakes of a million, and looks at no more', () => {
    const many = Object.fromEntries(Array.from({ length: 200_000 }, (_, at) => [`nme${at}`, 0]));
    const begun = processorMs();
    expect(errorsOf(() => validBody(schema, many))).toHaveLength(50);
    const list = Array.from({ length: 200_000 }, () => ({ colour: 1 }));
    expect(errorsOf(() => validBody(schema, { list }))).toHaveLength(50);
    // A look at all of them takes ten times as long as parsing does.
    const parsing = processorMs();
    schema.safeParse(many);
    schema.safeParse({ list });
    const ended = processorMs();
    expect(parsing - begun).toBeLessThan(3 * (ended - parsing) + 500);
  });

  it('tells unknown fields at any depth, with the names that stand there', () => {
    expect(errorsOf(() => validBody(schema, { nme: 'x' }))).toEqual([
      { pointer: '/nme', message: 'unknown field; did you mean "name"?' },
    ]);
    expect(errorsOf(() => validBody(schema, { list: [{ colour: 'red', color: 'x' }] }))).toEqual([
      { pointer: '/list/0/color', message: 'unknown field; did you mean "colour"?' },
    ]);
  });

  it('tells of the alternative that was meant', () => {
    expect(errorsOf(() => validBody(schema, { choice: { path: 'a', extra: 1 } }))).toEqual([
      { pointer: '/choice/extra', message: 'unknown field' },
    ]);
    expect(errorsOf(() => validBody(schema, { choice: { path: 'a', data: 'b' } }))).toEqual([
      { pointer: '/choice/data', message: 'does not go with the other fields' },
    ]);
  });

  it('stops at fifty', () => {
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`field_${n}`, n]));
    expect(errorsOf(() => validBody(schema, many))).toHaveLength(50);
  });
});

describe('a key of free choice', () => {
  it('is told what is wrong with it', () => {
    const keys = z.object({ labels: z.record(z.string().min(1).max(3), z.string()) });
    expect(errorsOf(() => validBody(keys, { labels: { 'a/long': 'x' } }))).toEqual([
      { pointer: '/labels/a~1long', message: expect.stringMatching(/^as a key: .*<=3 char/) },
    ]);
  });
});

describe('validQuery', () => {
  const query = z.object({ limit: z.coerce.number().int().max(5).optional() });

  const asked = (text: string) => new URLSearchParams(text);

  it('names the parameter that is wrong', () => {
    expect(validQuery(query, asked('limit=3'))).toEqual({ limit: 3 });
    expect(validQuery(query, asked(''))).toEqual({});
    expect(errorsOf(() => validQuery(query, asked('limit=9')))).toEqual([
      { pointer: '', parameter: 'limit', message: expect.any(String) },
    ]);
  });

  it('refuses what it does not know, with what was probably meant', () => {
    expect(errorsOf(() => validQuery(query, asked('limti=3&limit=3')))).toEqual([
      { pointer: '', parameter: 'limti', message: 'unknown parameter; did you mean "limit"?' },
    ]);
    expect(errorsOf(() => validQuery(undefined, asked('customer=c-1')))).toEqual([
      { pointer: '', parameter: 'customer', message: 'unknown parameter' },
    ]);
    expect(errorsOf(() => validQuery(query, asked('__proto__=1&toString=2')))).toHaveLength(2);
  });

  it('refuses what is given twice', () => {
    expect(errorsOf(() => validQuery(query, asked('limit=1%00')))).toMatchObject([
      { parameter: 'limit', message: 'must have no NUL character' },
    ]);
    expect(errorsOf(() => validQuery(query, asked('limit=1&limit=2')))).toEqual([
      { pointer: '', parameter: 'limit', message: 'is given twice' },
    ]);
  });

  it('leaves to the handler what it reads by itself', () => {
    const own = (name: string) => name.startsWith('metadata[');
    expect(validQuery(query, asked('limit=1&metadata[a]=2'), own)).toEqual({ limit: 1 });
    expect(validQuery(undefined, asked('metadata[a]=2'), own)).toBeUndefined();
  });
});
