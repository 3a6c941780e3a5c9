import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readJson } from './json-document.ts';

function document(text: string, comments = false) {
  const result = readJson(text, 'a.json', { comments });
  if (!result.ok) throw new Error(result.problem.message);
  return result.document;
}

function problem(text: string, comments = false) {
  const result = readJson(text, 'a.json', { comments });
  if (result.ok) throw new Error('expected a problem');
  return result;
}

describe('values', () => {
  it('reads every JSON value as JSON.parse does', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), fc.nat(3), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(JSON.stringify(document(text).value)).toBe(JSON.stringify(JSON.parse(text)));
      }),
    );
  });

  it('accepts exactly what JSON.parse accepts', () => {
    const noise = fc.string({
      unit: fc.constantFrom(
        '{',
        '}',
        '[',
        ']',
        ',',
        ':',
        '"',
        '\\',
        'a',
        '1',
        '-',
        '.',
        'e',
        ' ',
        'null',
        '\n',
      ),
      maxLength: 12,
    });
    fc.assert(
      fc.property(noise, (text) => {
        expect(readJson(text, 'a.json').ok).toBe(parses(text));
      }),
      { numRuns: 2000 },
    );
  });

  it('keeps __proto__ as data and gives objects no prototype', () => {
    const { value } = document('{"__proto__": {"polluted": true}, "toString": 1}');
    expect(Object.getPrototypeOf(value)).toBeNull();
    expect(Object.keys(value as object)).toEqual(['__proto__', 'toString']);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('ignores a byte order mark', () => {
    expect(document('\uFEFF{"a":1}').get(['a'])).toBe(1);
  });

  it('refuses nesting that would exhaust the stack', () => {
    expect(problem('['.repeat(100_000)).problem.message).toMatch(/nested deeper/);
  });
});

describe('comments', () => {
  const text = '{\n  // a line\n  "a": 1, /* a block */\n  "b": [1, 2,],\n}';

  it('reads JSONC when asked', () => {
    expect(JSON.stringify(document(text, true).value)).toBe('{"a":1,"b":[1,2]}');
  });

  it('refuses it otherwise, naming the place', () => {
    expect(problem(text)).toMatchObject({ position: { line: 2, column: 3 } });
  });

  it('keeps // inside strings', () => {
    expect(document('{"u":"http://x/*y*/"}', true).get(['u'])).toBe('http://x/*y*/');
  });

  it('refuses an open block comment', () => {
    expect(problem('{} /* never', true).problem.message).toMatch(/comment is not closed/);
  });
});

describe('positions', () => {
  const text = '{\n  "env": {\n    "A": "x"\n  },\n  "list": [\n    1,\n    {"deep": true}\n  ]\n}';

  it('finds keys and items', () => {
    const found = document(text);
    expect(found.position(['env'])).toEqual({ line: 2, column: 3 });
    expect(found.position(['env', 'A'])).toEqual({ line: 3, column: 5 });
    expect(found.position(['list', 1, 'deep'])).toEqual({ line: 7, column: 6 });
  });

  it('answers the nearest place above an absent key', () => {
    expect(document(text).position(['env', 'missing', 'x'])).toEqual({ line: 2, column: 3 });
    expect(document(text).get(['env', 'missing', 'x'])).toBeUndefined();
  });

  it.each([
    ['', 1, 1, /empty/],
    ['{"a": 1,}', 1, 8, /comma before/],
    ['{\n  "a" 1\n}', 2, 7, /expected ":"/],
    ['{\n  a: 1\n}', 2, 3, /double quotes/],
    ['{"a": 1} x', 1, 10, /after the value/],
    ['{"a": "x\n"}', 1, 7, /not closed/],
    ['{"a": "\\q"}', 1, 7, /escape/],
    ['{"a": tru}', 1, 7, /expected a value/],
    ['{"a": 1', 1, 8, /end of the file/],
  ])('places the error in %j', (broken, line, column, message) => {
    const result = problem(broken);
    expect(result.position).toEqual({ line, column });
    expect(result.problem).toMatchObject({ severity: 'error', file: 'a.json', line });
    expect(result.problem.message).toMatch(message);
  });
});

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
