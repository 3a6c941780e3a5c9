/** A JSON object, or `null` for anything else: `[DONE]`, an empty line, a broken answer. */
export function jsonObject(text: string): Record<string, unknown> | null {
  if (!text.startsWith('{') && !text.trimStart().startsWith('{')) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
