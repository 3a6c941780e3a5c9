/** Restarts allowed within the window; more mean that restarting does not help. */
export const MAX_RESTARTS = 4;
/** In milliseconds. */
export const RESTART_WINDOW_MS = 5 * 60_000;
const FIRST_WAIT_MS = 200;

/**
 * How long to wait before a child is restarted, or `null` when it has ended too often within the
 * window. `ends` are the times of its earlier ends and this one, in milliseconds, oldest first.
 */
export function restartWait(ends: readonly number[]): number | null {
  const now = ends.at(-1) ?? 0;
  const recent = ends.filter((end) => now - end <= RESTART_WINDOW_MS).length;
  return recent > MAX_RESTARTS ? null : FIRST_WAIT_MS * 2 ** (recent - 1);
}
