/** The token of a link that was pasted whole; a bare token as it is. */
export function tokenIn(text: string): string {
  const found = /[#&]token=([^&]+)/.exec(text)?.[1];
  return found === undefined ? text : decodeURIComponent(found);
}
