import type { AppProblem } from '../port.ts';
import { type JsonNode, JsonScanner, JsonSyntaxError } from './json-scanner.ts';
import { LineIndex, type TextPosition } from './text-position.ts';

/** A configuration file read as JSON, whose values know where they stand. */
export interface JsonDocument {
  /** Objects have no prototype. */
  value: unknown;
  /** The value at a path of keys and indexes, `undefined` when there is none. */
  get(path: readonly (string | number)[]): unknown;
  /** Where the key or item at `path` begins; the nearest one above it when it is absent. */
  position(path: readonly (string | number)[]): TextPosition;
}

export type JsonResult =
  | { ok: true; document: JsonDocument }
  | { ok: false; problem: AppProblem; position: TextPosition };

/**
 * Reads `text` as JSON, or as JSONC (comments, trailing commas) with `comments`. A syntax error is
 * a problem with file, line and column.
 */
export function readJson(
  text: string,
  file: string,
  options: { comments: boolean } = { comments: false },
): JsonResult {
  try {
    const root = new JsonScanner(text, options).read();
    return { ok: true, document: documentOf(root, new LineIndex(text)) };
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    const { position } = error;
    const message = `not valid JSON: ${error.message} (column ${position.column})`;
    return {
      ok: false,
      position,
      problem: { severity: 'error', file, line: position.line, message },
    };
  }
}

function documentOf(root: JsonNode, lines: LineIndex): JsonDocument {
  return {
    value: root.value,
    get(path) {
      const { node, depth } = walk(root, path);
      return depth === path.length ? node.value : undefined;
    },
    position: (path) => lines.position(walk(root, path).node.offset),
  };
}

/** The node at `path`, or the deepest one on the way to it. */
function walk(
  root: JsonNode,
  path: readonly (string | number)[],
): { node: JsonNode; depth: number } {
  let node = root;
  for (const [depth, step] of path.entries()) {
    const next = typeof step === 'number' ? node.items?.[step] : node.members?.get(step);
    if (next === undefined) return { node, depth };
    node = next;
  }
  return { node, depth: path.length };
}
