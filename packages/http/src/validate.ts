import { KartaError } from '@karta/protocol';
import { z } from 'zod';
import { nearestName } from './suggest.ts';

interface FieldError {
  /** JSON pointer (RFC 6901) into the body; empty for the body itself and for a parameter. */
  pointer: string;
  message: string;
  /** The parameter at fault, of the query or the path. */
  parameter?: string;
}

/** Field errors told at once; more would only repeat one mistake. */
const MAX_ERRORS = 50;

/** `value` as the schema has it. Throws `KartaError('validation_failed')` with JSON pointers. */
export function validBody<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const errors: FieldError[] = [];
  for (const issue of parsed.error.issues) {
    errors.push(...fieldErrors(issue, [], schema));
    if (errors.length >= MAX_ERRORS) break;
  }
  throw refusal(errors);
}

/**
 * Query parameters as the schema has them. One that is unknown or given twice is refused, since a
 * filter that is passed over answers with more than was asked for. `also` tells of parameters that
 * the handler reads by itself. Throws as `validBody`.
 */
export function validQuery<T>(
  schema: z.ZodType<T> | undefined,
  search: URLSearchParams,
  also: (name: string) => boolean = () => false,
): T {
  const known = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
  const given: Record<string, string> = Object.create(null);
  const errors: FieldError[] = [];
  for (const [name, value] of search) {
    if (name in given) errors.push(faultOf(name, 'is given twice'));
    // No database of ours takes one.
    else if (value.includes('\0')) errors.push(faultOf(name, 'must have no NUL character'));
    else if (!known.includes(name) && !also(name)) {
      errors.push(faultOf(name, `unknown parameter${hintFor(name, known)}`));
    }
    given[name] = value;
    if (errors.length >= MAX_ERRORS) break;
  }
  if (errors.length > 0) throw refusal(errors);
  if (schema === undefined) return undefined as T;
  const own = Object.entries(given).filter(([name]) => known.includes(name));
  const parsed = schema.safeParse(Object.fromEntries(own));
  if (parsed.success) return parsed.data;
  throw refusal(
    parsed.error.issues.map((issue) => faultOf(String(issue.path[0] ?? ''), issue.message)),
  );
}

/** The refusal of a parameter, of the query or the path, that no schema could judge. */
export function badParameter(parameter: string, message: string, cause?: unknown): KartaError {
  return refusal([faultOf(parameter, message)], cause);
}

function faultOf(parameter: string, message: string): FieldError {
  return { pointer: '', parameter, message };
}

function refusal(all: FieldError[], cause?: unknown): KartaError {
  const errors = all.slice(0, MAX_ERRORS);
  const [first] = errors;
  const where = first?.parameter ?? (first?.pointer || 'The body');
  const rest = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  return new KartaError(
    'validation_failed',
    `${where}: ${first?.message ?? 'is not valid'}${rest}`,
    { extra: { errors }, ...(cause !== undefined && { cause }) },
  );
}

function fieldErrors(
  issue: z.core.$ZodIssue,
  base: readonly PropertyKey[],
  schema: z.ZodType,
): FieldError[] {
  const path = [...base, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(schema, path);
    // A body can have a million of them, and each is compared with every known name.
    return issue.keys.slice(0, MAX_ERRORS).map((key) => ({
      pointer: pointerOf([...path, key]),
      // Known to another alternative of a union: it is the others that it does not go with.
      message: known.includes(key)
        ? 'does not go with the other fields'
        : `unknown field${hintFor(key, known)}`,
    }));
  }
  if (issue.code === 'invalid_union') {
    // The alternative with the fewest complaints is the one that was meant.
    const [closest] = [...issue.errors].sort((a, b) => a.length - b.length);
    if (closest?.length) return closest.flatMap((inner) => fieldErrors(inner, path, schema));
  }
  return [{ pointer: pointerOf(path), message: messageOf(issue) }];
}

/** What was probably meant, as the end of a sentence. */
function hintFor(name: string, known: readonly string[]): string {
  const meant = nearestName(name, known);
  return meant === null ? '' : `; did you mean "${meant}"?`;
}

function messageOf(issue: z.core.$ZodIssue): string {
  if (
    issue.code === 'invalid_type' &&
    issue.input === undefined &&
    /undefined$/.test(issue.message)
  ) {
    return 'is required';
  }
  if (issue.code === 'invalid_key') return `as a key: ${issue.issues.map(messageOf).join('; ')}`;
  return issue.message.replace(/^Invalid input: /, '');
}

/** Fields of the object that stands at `path` in the schema; none when it cannot be told. */
function knownKeys(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let current: unknown = schema;
  for (const key of path) {
    const at = unwrapped(current);
    if (at instanceof z.ZodObject) current = at.shape[String(key)];
    else if (at instanceof z.ZodArray) current = at.element;
    else return [];
  }
  const at = unwrapped(current);
  if (at instanceof z.ZodObject) return Object.keys(at.shape);
  if (at instanceof z.ZodUnion) {
    return at.options.flatMap((option) =>
      option instanceof z.ZodObject ? Object.keys(option.shape) : [],
    );
  }
  return [];
}

function unwrapped(schema: unknown): unknown {
  let current = schema;
  while (
    current instanceof z.ZodOptional ||
    current instanceof z.ZodDefault ||
    current instanceof z.ZodNullable
  ) {
    current = current.unwrap();
  }
  return current;
}

function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((key) => `/${String(key).replace(/~/g, '~0').replace(/\//g, '~1')}`).join('');
}
