import { LineIndex, type TextPosition } from './text-position.ts';

/** Nesting that no configuration file needs; bounds the parser's recursion. */
const MAX_DEPTH = 64;

const LITERALS: readonly (readonly [string, true | false | null])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
];
const WHITESPACE = new Set([' ', '\t', '\n', '\r']);
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/** A JSON value with the offset at which it, or the key that names it, begins. */
export interface JsonNode {
  value: unknown;
  offset: number;
  members?: Map<string, JsonNode>;
  items?: JsonNode[];
}

/** The text is not JSON; says where and why. */
export class JsonSyntaxError extends Error {
  readonly position: TextPosition;
  constructor(message: string, position: TextPosition) {
    super(message);
    this.name = 'JsonSyntaxError';
    this.position = position;
  }
}

/**
 * A JSON reader that keeps offsets, which `JSON.parse` does not. With `comments` it reads JSONC:
 * comments and trailing commas. Objects are built without a prototype, so a key such as
 * `__proto__` is data like any other.
 */
export class JsonScanner {
  readonly #text: string;
  readonly #comments: boolean;
  #at = 0;

  constructor(text: string, options: { comments: boolean }) {
    this.#text = text;
    this.#comments = options.comments;
  }

  /** The whole text as one value. Throws {@link JsonSyntaxError}. */
  read(): JsonNode {
    if (this.#text.startsWith('\uFEFF')) this.#at = 1;
    this.#skip();
    if (this.#at >= this.#text.length) this.#fail('the file is empty');
    const node = this.#value(0);
    this.#skip();
    if (this.#at < this.#text.length) this.#fail(`unexpected ${this.#here()} after the value`);
    return node;
  }

  #value(depth: number): JsonNode {
    if (depth > MAX_DEPTH) this.#fail(`nested deeper than ${MAX_DEPTH} levels`);
    const offset = this.#at;
    const char = this.#text[offset];
    if (char === '{') return this.#object(offset, depth);
    if (char === '[') return this.#array(offset, depth);
    if (char === '"') return { value: this.#string(), offset };
    for (const [word, value] of LITERALS) {
      if (this.#text.startsWith(word, offset)) {
        this.#at += word.length;
        return { value, offset };
      }
    }
    NUMBER.lastIndex = offset;
    const number = NUMBER.exec(this.#text);
    if (number === null) this.#fail(`expected a value, found ${this.#here()}`);
    this.#at += number[0].length;
    return { value: Number(number[0]), offset };
  }

  #object(offset: number, depth: number): JsonNode {
    const members = new Map<string, JsonNode>();
    const value: Record<string, unknown> = Object.create(null);
    this.#sequence('}', () => {
      const keyOffset = this.#at;
      if (this.#text[keyOffset] !== '"') {
        this.#fail(`expected a key in double quotes, found ${this.#here()}`);
      }
      const key = this.#string();
      this.#skip();
      this.#expect(':');
      this.#skip();
      const node = this.#value(depth + 1);
      members.set(key, { ...node, offset: keyOffset });
      value[key] = node.value;
    });
    return { value, offset, members };
  }

  #array(offset: number, depth: number): JsonNode {
    const items: JsonNode[] = [];
    this.#sequence(']', () => items.push(this.#value(depth + 1)));
    return { value: items.map((item) => item.value), offset, items };
  }

  /** What stands between an opening bracket, here, and `close`, separated by commas. */
  #sequence(close: '}' | ']', element: () => void): void {
    this.#at += 1;
    this.#skip();
    if (this.#text[this.#at] === close) {
      this.#at += 1;
      return;
    }
    for (;;) {
      element();
      this.#skip();
      if (this.#text[this.#at] === close) break;
      if (this.#text[this.#at] !== ',')
        this.#fail(`expected "," or "${close}", found ${this.#here()}`);
      const comma = this.#at;
      this.#at += 1;
      this.#skip();
      if (this.#text[this.#at] !== close) continue;
      if (this.#comments) break;
      this.#at = comma;
      this.#fail(`a comma before "${close}" is not allowed`);
    }
    this.#at += 1;
  }

  #string(): string {
    const start = this.#at;
    for (let at = start + 1; at < this.#text.length; at += 1) {
      const char = this.#text[at];
      if (char === '\\') at += 1;
      else if (char === '"') {
        this.#at = at + 1;
        return this.#decode(start, at + 1);
      } else if (char === '\n') break;
    }
    return this.#fail('the string is not closed on its line');
  }

  #decode(start: number, end: number): string {
    try {
      return JSON.parse(this.#text.slice(start, end)) as string;
    } catch {
      this.#at = start;
      return this.#fail('the string holds an escape or a control character that JSON lacks');
    }
  }

  #skip(): void {
    for (;;) {
      while (WHITESPACE.has(this.#text[this.#at] ?? '')) this.#at += 1;
      if (!this.#comments || this.#text[this.#at] !== '/') return;
      const line = this.#text[this.#at + 1] === '/';
      if (!line && this.#text[this.#at + 1] !== '*') return;
      const end = this.#text.indexOf(line ? '\n' : '*/', this.#at + 2);
      if (end === -1 && !line) this.#fail('the comment is not closed');
      this.#at = end === -1 ? this.#text.length : end + (line ? 1 : 2);
    }
  }

  #expect(char: string): void {
    if (this.#text[this.#at] !== char) this.#fail(`expected "${char}", found ${this.#here()}`);
    this.#at += 1;
  }

  #here(): string {
    const char = this.#text.codePointAt(this.#at);
    return char === undefined ? 'the end of the file' : JSON.stringify(String.fromCodePoint(char));
  }

  #fail(message: string): never {
    throw new JsonSyntaxError(message, new LineIndex(this.#text).position(this.#at));
  }
}
