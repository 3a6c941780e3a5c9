import { InvalidArgumentError } from 'commander';

/** `a,b` as a list. */
export function listArgument(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** A whole number from 1 up. */
export function countArgument(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1) return count;
  throw new InvalidArgumentError('must be a whole number from 1 up.');
}
