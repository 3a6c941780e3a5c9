/**
 * A published price as it is reckoned with: dollars for a million tokens, as a decimal string, to
 * picodollars for one. Throws a `RangeError` for a price that is no whole number of picodollars.
 */
export function dollarsPerMillion(dollars: string): string {
  const match = /^(\d{1,9})(?:\.(\d{1,6}))?$/.exec(dollars);
  if (match === null) {
    throw new RangeError(`"${dollars}" is no dollar price of at most six decimals.`);
  }
  const [, whole = '', fraction = ''] = match;
  return BigInt(whole + fraction.padEnd(6, '0')).toString();
}

/** The same for a price of one call, in dollars: to picodollars. Throws a `RangeError`. */
export function dollarsPerRequest(dollars: string): string {
  return (BigInt(dollarsPerMillion(dollars)) * 1_000_000n).toString();
}
