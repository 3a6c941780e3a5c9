import type { AppFolder, AppProblem } from '@karta/harness';
import { parse, TomlError } from 'smol-toml';
import type { z } from 'zod';
import { type KartaToml, kartaTomlSchema } from './karta-toml-schema.ts';
import { appError, appWarning } from './problem.ts';
import { closest } from './suggest.ts';
import { tomlLine } from './toml-lines.ts';
import { unknownKeys } from './unknown-keys.ts';

export const KARTA_TOML = 'karta.toml';

interface Ineffective {
  path: [string, string];
  why: string;
}

/** Keys that a publish reads without acting on them. */
const WITHOUT_EFFECT: readonly Ineffective[] = [
  { path: ['cli', 'hidden_event_types'], why: 'the commands show every event' },
  { path: ['cli', 'input_policy'], why: 'karta run --approve says it' },
];

/** And those that only a publish through the control plane acts on. */
const WITHOUT_BUILDER: readonly Ineffective[] = [
  { path: ['build', 'setup'], why: 'a local publish runs no build' },
  { path: ['build', 'allow'], why: 'a local publish runs no build' },
];

/**
 * Reads an application's `karta.toml`; absent is the same as empty. Syntax and values that are
 * wrong are errors, keys that mean nothing are warnings, each with its line.
 */
export function readKartaToml(
  app: AppFolder,
  { builds = false }: { builds?: boolean } = {},
): { toml: KartaToml; problems: AppProblem[] } {
  if (!app.paths.includes(KARTA_TOML)) return { toml: {}, problems: [] };
  const text = app.text(KARTA_TOML);
  if (text === null) {
    return { toml: {}, problems: [appError(KARTA_TOML, 0, 'is too large or not a file')] };
  }
  const parsed = parseToml(text);
  if ('problem' in parsed) return { toml: {}, problems: [parsed.problem] };

  const problems = unknownKeys(kartaTomlSchema, parsed.value).map(({ path, known }) =>
    appWarning(KARTA_TOML, tomlLine(text, path), unknownText(path, known)),
  );
  const result = kartaTomlSchema.safeParse(parsed.value);
  if (!result.success) {
    for (const issue of result.error.issues.flatMap(ofAlternatives)) {
      const path = issue.path.map(String);
      problems.push(
        appError(KARTA_TOML, tomlLine(text, path), `${path.join('.')}: ${issue.message}`),
      );
    }
    return { toml: {}, problems };
  }
  const ineffective = builds ? WITHOUT_EFFECT : [...WITHOUT_BUILDER, ...WITHOUT_EFFECT];
  for (const { path, why } of ineffective) {
    if (isSet(parsed.value, path)) {
      const message = `${path.join('.')} has no effect here: ${why}`;
      problems.push(appWarning(KARTA_TOML, tomlLine(text, path), message));
    }
  }
  return { toml: result.data, problems };
}

/** An issue, or of one that no alternative of a union took, those of the alternative that was meant. */
function ofAlternatives(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue];
  // One that fails for its type alone was not meant.
  const meant = issue.errors.find((inner) => !inner.some(isTypeOfWhole)) ?? [];
  if (meant.length === 0) return [issue];
  return meant.flatMap((inner) =>
    ofAlternatives({ ...inner, path: [...issue.path, ...inner.path] }),
  );
}

function isTypeOfWhole({ code, path }: z.core.$ZodIssue): boolean {
  return code === 'invalid_type' && path.length === 0;
}

function parseToml(text: string): { value: unknown } | { problem: AppProblem } {
  try {
    return { value: parse(text) };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const message = error.message.split('\n', 1)[0] ?? 'is not TOML';
    return { problem: appError(KARTA_TOML, error.line, message) };
  }
}

function unknownText(path: readonly string[], known: readonly string[]): string {
  const meant = closest(path.at(-1) ?? '', known);
  const hint = meant === null ? `known here: ${known.join(', ')}` : `did you mean "${meant}"?`;
  return `unknown key "${path.join('.')}" is ignored; ${hint}`;
}

function isSet(value: unknown, [table, key]: [string, string]): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const inner = (value as Record<string, unknown>)[table];
  return typeof inner === 'object' && inner !== null && Object.hasOwn(inner, key);
}
