import { totalmem } from 'node:os';
import { RUNNER_LIMITS } from './limits.ts';

/** Memory that all sandboxes may hold together: a share of what this process's cgroup may use. */
export function defaultMemoryBudget(
  total = totalmem(),
  constrained = process.constrainedMemory(),
): number {
  const usable = constrained > 0 ? Math.min(total, constrained) : total;
  return Math.max(RUNNER_LIMITS.leastBudgetBytes, Math.floor(usable * RUNNER_LIMITS.memoryShare));
}
