/**
 * JSON with the keys of every object sorted, so that equal values have equal text whatever the
 * order of their keys (RFC 8785 for values that came from JSON). What JSON cannot hold is left out
 * as `JSON.stringify` does.
 */
export function canonicalJson(value: unknown): string {
  return written(JSON.parse(JSON.stringify(value) ?? 'null'));
}

function written(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(written).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const members = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, inner]) => `${JSON.stringify(key)}:${written(inner)}`);
  return `{${members.join(',')}}`;
}
