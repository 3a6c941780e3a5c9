/** Edits between a mistyped name and a known one that still count as the same word. */
const MAX_EDITS = 2;

/** The known name that `typed` most likely stands for, or `null` when none is near. */
export function nearestName(typed: string, known: readonly string[]): string | null {
  let best: string | null = null;
  let fewest = Math.min(MAX_EDITS, Math.floor(typed.length / 2)) + 1;
  for (const name of known) {
    const edits = plain(name) === plain(typed) ? 0 : editDistance(typed, name, fewest);
    if (edits < fewest) {
      fewest = edits;
      best = name;
    }
  }
  return best;
}

/** `sessionId`, `session-id` and `session_id` are one name. */
function plain(name: string): string {
  return name.toLowerCase().replace(/[-_]/g, '');
}

/** Levenshtein distance; `limit` when it is at least that. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substitution = (row[j - 1] ?? limit) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] ?? limit) + 1, (next[j - 1] ?? limit) + 1));
    }
    row = next;
  }
  return Math.min(row[b.length] ?? limit, limit);
}
