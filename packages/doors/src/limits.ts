/**
 * Every limit of the doors, in one place. Sizes in bytes, times in milliseconds, unless the name
 * says otherwise. All of them bound what hostile code inside a sandbox can ask for.
 */

/** One request body. A harness's largest true request is a few megabytes of context and images. */
export const REQUEST_BODY_BYTES = 50 * 1024 * 1024;
/** Nesting of a request's JSON. Tool schemas, the deepest part, have some twenty levels. */
export const REQUEST_JSON_DEPTH = 256;
/**
 * Commas, colons and opening brackets of a request's JSON. A conversation of ten thousand messages
 * has some 200,000; as many empty objects take 30 MB once they are parsed.
 */
export const REQUEST_JSON_TOKENS = 500_000;
/** Request bodies of one channel held in memory at once; a request beyond it is refused. */
export const CHANNEL_BODY_BYTES = 64 * 1024 * 1024;
/** Request bodies of all channels held in memory at once; a request beyond it is told to come again. */
export const PROCESS_BODY_BYTES = 512 * 1024 * 1024;
/** An org may hold this many times what is free of it: alone two thirds. */
export const ORG_BODY_SHARE = 2;
/** Calls of one channel at once. Harnesses run some ten sub-agents in parallel. */
export const CHANNEL_CALLS = 32;
/** Open connections of one channel; further ones are dropped at accept. */
export const CHANNEL_CONNECTIONS = 64;
/** Request line and headers. */
export const REQUEST_HEADER_BYTES = 32 * 1024;
/** Time to send the request line and headers. */
export const REQUEST_HEADERS_MS = 30_000;
/** Time to send a whole request. */
export const REQUEST_MS = 120_000;
/** An idle kept-alive connection. Longer than harness pools keep one, so that theirs closes first. */
export const KEEP_ALIVE_MS = 5 * 60_000;
/**
 * A connection on which no byte moves in either direction. Above the longest silence of a provider
 * that thinks without streaming (10 minutes).
 */
export const CALL_IDLE_MS = 15 * 60_000;
/** Time to connect to a provider, TLS included. */
export const UPSTREAM_CONNECT_MS = 10_000;
/**
 * How long a connection to a provider is kept that nobody uses, unless the provider says how long. Below
 * what address translation on the way forgets (the shortest of the clouds: 4 minutes).
 */
export const UPSTREAM_KEEP_MS = 3 * 60_000;
/** Silence of a provider before the call is given up. */
export const UPSTREAM_IDLE_MS = 10 * 60_000;
/** How often one call is sent to one upstream at the most. */
export const UPSTREAM_ATTEMPTS = 3;
/** From the first attempt at an upstream on: later none begins there any more. */
export const RETRY_TIME_MS = 10_000;
/** A provider that asks for a longer wait is not waited for: its answer is passed on. */
export const RETRY_WAIT_MS = 5_000;
/** The first wait where a provider names none; the next ones are twice as long each. */
export const RETRY_BACKOFF_MS = 300;
/** How long the head of a stream waits for its first event, which may be an error. */
export const FIRST_EVENT_MS = 3_000;
/** Body of a provider's refusal, which is read whole so that secrets can be taken out. */
export const UPSTREAM_ERROR_BYTES = 1024 * 1024;
/** One line of an event stream, or one whole JSON answer, that is read for its usage. */
export const METERED_UNIT_BYTES = 32 * 1024 * 1024;
/** Of a stream, what is kept unread since it tells no count: its text matters if none is ever told. */
export const UNREAD_STREAM_BYTES = 32 * 1024;
/**
 * Tokens that a provider may tell of one call, in each of its counts: a hundred times what any model
 * takes. More is no count. Sums of many stay whole numbers, here and in every table.
 */
export const COUNTED_TOKENS = 1_000_000_000;
/**
 * How long a call waits for a turn while none is open. A turn is opened when its prompt leaves, so
 * the first call may be the faster one; one that still has no turn is booked on none.
 */
export const TURN_WAIT_MS = 2_000;
/** How long closing a turn waits for its calls in flight. */
export const TURN_CLOSE_MS = 2_000;
/** Turns of one channel that may be open at once; normally one. */
export const CHANNEL_TURNS = 8;
/** Closed turns of one channel whose totals are remembered, so that closing can be repeated. */
export const CLOSED_TURNS = 16;
/** An idle connection to the management socket: longer than a turn's calls are apart. */
export const MANAGEMENT_KEEP_ALIVE_MS = 75_000;
/** A body on the management socket: 10,000 ids of orgs, or what a sandbox may reach. */
export const MANAGEMENT_BODY_BYTES = 512 * 1024;
/**
 * How long what is known of an org counts while the control plane does not answer, when the
 * configuration names no other time (`KARTA_STALE_AUTH`).
 */
export const STALE_MS = 5 * 60_000;
/** How long SIGTERM waits for calls in flight, when the configuration names no other time. */
export const DRAIN_MS = 10_000;
/** The longest path a unix socket may have on Linux. */
export const SOCKET_PATH_BYTES = 107;
/**
 * One file of the usage journal. A call takes some 700 bytes in it. To begin another file the disk is
 * waited for several times: with files of 1 MiB a twentieth of a busy second.
 */
export const JOURNAL_SEGMENT_BYTES = 4 * 1024 * 1024;
/** All files of the usage journal: beyond it no call is sent, for its cost could not be kept. */
export const JOURNAL_BYTES = 1024 * 1024 * 1024;
/** Records of the usage journal that are kept in memory too, at the least; at the most twice as many. */
export const RECENT_RECORDS = 2_000;
/** Records in one answer of the management API. */
export const USAGE_PAGE = 500;
/** The longest name of a model that is kept. */
export const MODEL_NAME_CHARS = 200;
