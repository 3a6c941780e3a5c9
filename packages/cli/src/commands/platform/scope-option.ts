import type { z } from 'zod';
import { CliError } from '../../cli-error.ts';

/** What `--on` names: `end_user` is each end user, `end_user:ann` the one. */
export interface NamedScope<Scope extends string> {
  scope: Scope;
  scope_id: string | null;
}

/** Reads `--on`. Throws `CliError` for a scope that `known` does not have. */
export function scopeOption<Scope extends string>(
  known: z.ZodEnum<Record<Scope, Scope>>,
  text: string,
): NamedScope<Scope> {
  const [scope = '', ...rest] = text.split(':');
  const id = rest.join(':');
  return { scope: oneOf(known, scope, '--on'), scope_id: id === '' ? null : id };
}

/** A cell that tells what a budget or limit is on. */
export function onCell({ scope, scope_id: id }: NamedScope<string>): string {
  if (scope === 'org') return 'org';
  return id === null ? `each ${scope}` : `${scope}:${id}`;
}

/** `text` as one of the values of `known`. Throws `CliError`, which names the option and them. */
export function oneOf<T extends string>(
  known: z.ZodEnum<Record<T, T>>,
  text: string,
  option: string,
): T {
  const parsed = known.safeParse(text);
  if (parsed.success) return parsed.data as T;
  throw new CliError(
    'usage',
    `"${text}" is nothing for ${option}`,
    `One of ${known.options.join(', ')}.`,
  );
}
