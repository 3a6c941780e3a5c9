/** What the runner grants and waits for. Sizes in bytes, times in milliseconds. */
export const RUNNER_LIMITS = {
  /** Share of the machine's (or its cgroup's) memory that sandboxes may hold together. */
  memoryShare: 0.7,
  /** The least budget: one sandbox of the largest harness, also on a small machine. */
  leastBudgetBytes: 1280 * 1024 * 1024,
  /** Share of the budget that parked sandboxes may hold. */
  poolShare: 0.5,
  /** Size of a session's volume when `karta.toml` names none. */
  diskBytes: 1024 * 1024 * 1024,
  /** Cores of a session when `karta.toml` names none. */
  cpus: 2,
  /** Processes and threads: OpenCode alone has some 30, a build with workers a few hundred. */
  pids: 512,
  /** A sandbox that only serves files or history is kept this long for the next request. */
  readerIdleMs: 10_000,
  /** A session that was just attached is not hibernated for another: its turn is about to start. */
  attachGraceMs: 5_000,
  /**
   * What an org has used within this time is not hibernated for another that holds as much memory:
   * half of the time that a request waits for room.
   */
  keptForOthersMs: 15_000,
  /** After a claim the next slot waits, so that it takes no core from the session's first turn. */
  poolRefillDelayMs: 1_500,
  /** A pool slot that could not be started is tried again after this, doubling. */
  poolRetryMs: 2_000,
  poolRetryMaxMs: 5 * 60_000,
  /** Harnesses started at the same time, if there are not more cores. */
  leastStarts: 2,
  /** And so many more, each the only one of its org: orgs share the processor equally. */
  reservedStarts: 2,
  /** A harness that takes longer to start no longer counts as one of them. */
  startHoldMs: 10_000,
  /** Threads that hold machines, if there are as many cores. */
  workers: 2,
  /** How long a harness may take to close politely before its sandbox is disposed. */
  closeMs: 2_000,
  /** How long an adapter may take to end its turn once its sandbox is gone. */
  lastEventMs: 2_000,
  /** How long the end of a turn waits to learn whether a limit ended the harness. */
  violationMs: 300,
  /** One call of the doors' management API; closing a turn waits for calls in flight. */
  doorsCallMs: 15_000,
} as const;
