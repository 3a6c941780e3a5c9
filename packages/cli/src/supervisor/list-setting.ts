/** Entries of a setting that is a list by commas; none of one that is not set. */
export function listSetting(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}
