import { CliError } from '../cli-error.ts';
import { type Environment, takeVariable } from './take-variable.ts';

/** What a header can carry. */
const PRINTABLE = /^[\x21-\x7e]+$/;

/**
 * Takes the base URL of a provider out of the environment. Throws `CliError` for one that the doors
 * would not take, without repeating it: it may have credentials in it.
 */
export function takeBaseUrl(env: Environment, name: string): string | undefined {
  const value = takeVariable(env, name);
  if (value === undefined) return undefined;
  const url = URL.parse(value);
  const plain =
    url !== null &&
    /^https?:$/.test(url.protocol) &&
    [url.username, url.password, url.search, url.hash].every((part) => part === '');
  if (plain) return value;
  throw new CliError(
    'usage',
    `${name} is no http or https URL without credentials, query and fragment`,
    `Set it as in ${name}=https://llm.example.com/v1, or leave it out.`,
  );
}

/** Takes a key out of the environment. Throws `CliError` for one that no header can carry. */
export function takeKey(env: Environment, name: string): string | undefined {
  const value = takeVariable(env, name);
  if (value === undefined || PRINTABLE.test(value)) return value;
  throw new CliError(
    'usage',
    `${name} has characters that no key has, such as a space or a line break`,
    `Copy the key again and set ${name} to it alone.`,
  );
}
