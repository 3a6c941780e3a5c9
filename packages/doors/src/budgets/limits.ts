/** Times of budgets in milliseconds, amounts in tokens. What each bounds is in docs/budgets.md. */

/** Output that a call must be allowed at the least: below it the call is refused, not lowered. */
export const MIN_OUTPUT_TOKENS = 256;
/** The least that Anthropic takes as a thinking budget. */
export const MIN_THINKING_TOKENS = 1_024;
/** Output of a call that names no limit of its own, where a cap rules. */
export const DEFAULT_OUTPUT_TOKENS = 16_384;

/** How long nobody needs to ask again whether turns of an org without a cap may begin. */
export const UNCAPPED_MS = 5_000;
/** How long it counts as known which caps cover a subject. */
export const KNOWN_MS = 5_000;
/** How long it counts that nothing is left to lease: until then output is lowered without asking. */
export const LEFT_MS = 1_000;
/** A lease is not taken from this long before it expires, for clocks that do not run alike. */
export const SKEW_MS = 2_000;
/** A block from which nothing was taken for so long is closed: its rest returns. */
export const IDLE_MS = 15_000;
/**
 * So long after a question that nobody answered it is told which leases are here: by then the
 * question has been read or never will be, and what was leased in vain has run out.
 */
export const LOST_MS = 180_000;
/** How often it is told in any case: the control plane's database may have been set back. */
export const ALL_MS = 600_000;
/** How often leases are looked after: idle ones closed, others reported and so renewed. */
export const TEND_MS = 1_000;
/** How often what was taken from an open lease is told. */
export const REPORT_MS = 5_000;
/** How long a call that does not fit waits for calls under way to give back what they did not use. */
export const SETTLE_WAIT_MS = 10_000;

/** Input of which so many tokens are known by its bytes alone is counted before it is refused. */
export const COUNT_FROM_TOKENS = 2_048;
/** How long a call waits for that count. */
export const COUNT_WAIT_MS = 3_000;
/** What is taken for what a provider counts beforehand: it calls that an estimate. */
export const COUNTED_MORE = 1.05;

/** Calls that a block is asked for beyond the one that needs it. */
export const CALLS_AHEAD = 4n;
/** A block with less than this part of itself left, one in so many, is followed by another. */
export const LOW_WATER = 4n;
/** How long a call waits for the control plane's answer before it counts as not there. */
export const ASK_MS = 3_000;
/** How long it waits while the questions of others, that came before, are being answered. */
export const ASK_TURN_MS = 30_000;
/** Questions to the control plane of one org at once; others wait. */
export const ASKS_AT_ONCE = 4;
/** Questions for one call: each grants something or is the last. */
export const ASKS_PER_CALL = 6;
/** Leases in one report. */
export const REPORT_LEASES = 10_000;
/** Subjects of one org of which the caps are remembered; those met longest ago are forgotten. */
export const SUBJECTS = 10_000;
