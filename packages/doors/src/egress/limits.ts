/** Limits of the egress door. Times in milliseconds. They bound what code in a sandbox can ask for. */

/** Connections of one sandbox at once. Package managers open some 15 to 50. */
export const CHANNEL_EGRESS = 128;
/** Connections of all sandboxes of one org at once. */
export const ORG_EGRESS = 1_024;
/** Connections of this process at once: each takes two descriptors. */
export const PROCESS_EGRESS = 8_192;
/** New connections of one sandbox: so many at once, and so many a second after them. */
export const EGRESS_BURST = 200;
export const EGRESS_PER_SECOND = 50;
/** Time to find a host's address and connect to it. */
export const EGRESS_CONNECT_MS = 10_000;
/** A connection on which no byte moves. An open stream of a remote MCP server may be silent long. */
export const EGRESS_IDLE_MS = 15 * 60_000;
/** Ended connections of a channel that are remembered. */
export const EGRESS_LOG = 500;
/** Refused connections of one channel are told at most this often. */
export const REFUSAL_LOG_MS = 1_000;
