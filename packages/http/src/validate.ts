import { KartaError } from '@karta/protocol';
import { z } from 'zod';
import { nearestName } from './suggest.ts';

interface FieldError {
  /** JSON pointer (RFC 6901) into the body; empty for the body itself and for a query parameter. */
  pointer: string;
  message: string;
  /** The query parameter at fault. */
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

/** Query parameters as the schema has them; unknown ones are ignored. Throws as `validBody`. */
export function validQuery<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw refusal(
    parsed.error.issues.map((issue) => ({
      pointer: '',
      parameter: String(issue.path[0] ?? ''),
      message: issue.message,
    })),
  );
}

function refusal(all: FieldError[]): KartaError {
  const errors = all.slice(0, MAX_ERRORS);
  const [first] = errors;
  const where = first?.parameter ?? (first?.pointer || 'The body');
  const rest = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  return new KartaError(
    'validation_failed',
    `${where}: ${first?.message ?? 'is not valid'}${rest}`,
    {
      extra: { errors },
    },
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
    return issue.keys.slice(0, MAX_ERRORS).map((key) => {
      const meant = nearestName(key, known);
      const hint = meant === null ? '' : `; did you mean "${meant}"?`;
      return { pointer: pointerOf([...path, key]), message: `unknown field${hint}` };
    });
  }
  if (issue.code === 'invalid_union') {
    // The alternative with the fewest complaints is the one that was meant.
    const [closest] = [...issue.errors].sort((a, b) => a.length - b.length);
    if (closest?.length) return closest.flatMap((inner) => fieldErrors(inner, path, schema));
  }
  return [{ pointer: pointerOf(path), message: messageOf(issue) }];
}

function messageOf(issue: z.core.$ZodIssue): string {
  if (
    issue.code === 'invalid_type' &&
    issue.input === undefined &&
    /undefined$/.test(issue.message)
  ) {
    return 'is required';
  }
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
