import { REQUEST_JSON_DEPTH, REQUEST_JSON_TOKENS } from '../limits.ts';
import { endOfString } from './top-level.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/**
 * Why a body must not be parsed, or `null`. Fifty megabytes of `{},{},…` become a gigabyte of
 * objects, and this process serves every sandbox: it looks before it allocates. What is inside
 * strings counts for nothing; whether the body is JSON at all is the parser's to say.
 */
export function jsonExcess(body: Buffer): string | null {
  let depth = 0;
  let tokens = 0;
  for (let at = 0; at < body.length; at += 1) {
    switch (body[at]) {
      case QUOTE:
        at = endOfString(body, at);
        break;
      case COMMA:
      case COLON:
        tokens += 1;
        break;
      case OPEN_BRACKET:
      case OPEN_BRACE:
        tokens += 1;
        depth += 1;
        break;
      case CLOSE_BRACKET:
      case CLOSE_BRACE:
        depth -= 1;
        break;
    }
    if (depth > REQUEST_JSON_DEPTH) return `The body is nested deeper than ${REQUEST_JSON_DEPTH}.`;
    if (tokens > REQUEST_JSON_TOKENS) return 'The body has too many members.';
  }
  return null;
}
