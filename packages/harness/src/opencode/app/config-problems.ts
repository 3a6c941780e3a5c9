import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { AppProblem } from '../../port.ts';

/** What the pinned OpenCode says of its configuration: scripts/opencode-config-schema.ts writes it. */
const SCHEMA_FILE = new URL('./config-schema.json', import.meta.url);

/** OpenCode puts a variable's or a file's text here when it reads the configuration. */
const FILLED_IN = /\{(?:env|file):/;

/** A value that OpenCode would refuse, and where it stands. */
interface Refusal {
  path: (string | number)[];
  message: string;
}

type Issue = z.core.$ZodIssue;

/** A configuration file, or what an agent's or a command's Markdown file defines. */
type Part = 'config' | 'agent' | 'command';

let schemas: Record<Part, z.ZodType> | undefined;

/** Read when a folder is first checked, for a server starts without it. */
function schemaOf(part: Part): z.ZodType {
  if (schemas === undefined) {
    const { $defs } = JSON.parse(readFileSync(SCHEMA_FILE, 'utf8'));
    const { additionalProperties: command } = $defs.Config.properties.command;
    schemas = {
      config: z.fromJSONSchema({ $ref: '#/$defs/Config', $defs }),
      agent: z.fromJSONSchema({ $ref: '#/$defs/AgentConfig', $defs }),
      command: z.fromJSONSchema({ ...command, $defs }),
    };
  }
  return schemas[part];
}

/**
 * What OpenCode would refuse in `value`. It starts no session with such a folder, so each is an
 * error. Keys that it does not know it ignores, and so does this.
 */
export function configProblems(
  part: Part,
  value: unknown,
  place: { file: string; lineOf(path: readonly (string | number)[]): number },
): AppProblem[] {
  const checked = schemaOf(part).safeParse(value);
  if (checked.success) return [];
  return checked.error.issues
    .flatMap((issue) => refusals(issue))
    .filter(({ path }) => !FILLED_IN.test(String(valueAt(value, path))))
    .map(({ path, message }) => ({
      severity: 'error',
      file: place.file,
      line: place.lineOf(path),
      message: path.length === 0 ? message : `${path.join('.')}: ${message}`,
    }));
}

function refusals(issue: Issue, above: readonly (string | number)[] = []): Refusal[] {
  const path = [
    ...above,
    ...issue.path.map((key) => (typeof key === 'number' ? key : String(key))),
  ];
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const ways = issue.errors.map((issues) => issues.flatMap((inner) => refusals(inner, path)));
    return ways.reduce((best, way) => (closer(way, best) ? way : best));
  }
  return [{ path, message: issue.message.replace(/^Invalid (?:input|option): /, '') }];
}

/**
 * Which of two ways to write a value was meant: the one that fits further down, then the one that
 * lacks less, then the one with less to correct.
 */
function closer(a: readonly Refusal[], b: readonly Refusal[]): boolean {
  const [first, second] = [a, b].map((way) => [
    -Math.max(...way.map(({ path }) => path.length)),
    way.filter(({ message }) => message.endsWith('received undefined')).length,
    way.length,
  ]) as [number[], number[]];
  const at = first.findIndex((measure, index) => measure !== second[index]);
  return at !== -1 && Number(first[at]) < Number(second[at]);
}

function valueAt(value: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null
        ? (inner as Record<string | number, unknown>)[key]
        : undefined,
    value,
  );
}
