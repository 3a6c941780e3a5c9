/**
 * The error registry: every error code of the public surface with its status, title and what to do
 * next. A code, once published, keeps its meaning.
 */
interface ErrorEntry {
  status: number;
  title: string;
  suggestion: string;
}

function entry(status: number, title: string, suggestion: string): ErrorEntry {
  return { status, title, suggestion };
}

export const ERRORS = {
  invalid_json: entry(
    400,
    'The body is not JSON',
    'Send one JSON object; check quotes and commas near the position named.',
  ),
  invalid_request: entry(
    400,
    'The request cannot be understood',
    'Compare the request with /openapi.json.',
  ),
  unauthenticated: entry(
    401,
    'No valid credential',
    'Send "Authorization: Bearer <key>". Locally the key is in $KARTA_HOME/credentials.json.',
  ),
  sign_in_failed: entry(
    401,
    'The sign-in failed',
    'Check e-mail address, password and code. After several attempts, wait.',
  ),
  conflicting_credentials: entry(
    401,
    'Two different credentials',
    'Send either Authorization or x-api-key, or the same value in both.',
  ),
  budget_exhausted: entry(402, 'The budget is used up', 'Raise the cap or wait until it resets.'),
  subscription_unpaid: entry(
    402,
    'The subscription is not paid',
    'Have an owner or somebody with the role billing run karta billing.',
  ),
  billing_off: entry(
    409,
    'Nothing is billed here',
    'Nobody needs a subscription on this server; its operator decides that.',
  ),
  forbidden: entry(
    403,
    'The credential may not do this',
    'Use what the message names, or ask whoever made the credential.',
  ),
  org_suspended: entry(
    403,
    'The org is suspended',
    'Ask whoever operates this server; nothing of the org works until they lift it.',
  ),
  sign_up_closed: entry(
    403,
    'Sign-up is not open here',
    'Ask for an invitation and use its link, or sign in.',
  ),
  second_factor_needed: entry(
    403,
    'A second factor is needed',
    'Set up TOTP at /v1/auth/two-factor/enable, then sign in with it.',
  ),
  wrong_project: entry(
    403,
    'The token belongs to another project',
    'Use a token minted for this project.',
  ),
  wrong_route_family: entry(
    403,
    'Session tokens work on project routes only',
    'Call /v1/projects/{ref}/… instead of /v1/sessions/….',
  ),
  file_read_only: entry(
    403,
    'The file belongs to the release',
    'Change it in the folder that was published, and publish again.',
  ),
  not_found: entry(
    404,
    'Not found',
    'Check the id or the path; objects of another org look the same as absent ones.',
  ),
  method_not_allowed: entry(
    405,
    'Method not allowed',
    'Use a method that /openapi.json lists for this path.',
  ),
  session_busy: entry(409, 'The session is busy', 'Wait for the running turn, or cancel it.'),
  session_ended: entry(409, 'The session has ended', 'Create a new session.'),
  no_active_release: entry(
    409,
    'The project has no active release',
    'Publish one: karta serve <folder> locally.',
  ),
  already_exists: entry(409, 'It exists already', 'Use the one there is, or choose another name.'),
  release_revoked: entry(
    409,
    'The release was revoked',
    'Create a new session; it runs on the active release.',
  ),
  build_failed: entry(
    422,
    'The publish failed',
    'Correct what "problems" lists and publish again; nothing that runs has changed.',
  ),
  release_expired: entry(
    410,
    'The release is no longer kept',
    'Publish its content again, or choose a newer version.',
  ),
  release_unavailable: entry(
    503,
    'The release cannot be had at the moment',
    'Retry after the seconds in Retry-After.',
  ),
  not_installed: entry(
    501,
    'The server lacks a program that this needs',
    'Install what the message names on the server; karta deploy works without it.',
  ),
  last_owner: entry(
    409,
    'The org would have no owner',
    'Make another member an owner first, or delete the org.',
  ),
  invitation_void: entry(
    410,
    'The invitation no longer counts',
    'It has expired, was used or was taken back; ask for a new one.',
  ),
  webhook_disabled: entry(
    409,
    'The webhook is switched off',
    'Switch it on with PATCH and "enabled": true, then try again.',
  ),
  idempotency_conflict: entry(
    409,
    'The idempotency key was used with another body',
    'Use a fresh key for a different request.',
  ),
  already_created: entry(
    409,
    'Already created',
    'The secret was shown once; create a new one if it is lost.',
  ),
  stale_epoch: entry(
    409,
    'These doors were started anew',
    'Register, and report what was taken before under the new epoch.',
  ),
  node_alive: entry(
    409,
    'The node can still spend',
    'End its doors, wait a minute for its blocks to run out, then try again.',
  ),
  budget_limit: entry(
    409,
    'The org has as many budgets as it may have',
    'Remove one that is not needed; a budget on each object covers many.',
  ),
  too_many_rate_limits: entry(
    409,
    'The org has as many rate limits as it may have',
    'Remove one that is not needed; a limit on each object covers many.',
  ),
  input_already_resolved: entry(
    409,
    'The input is already answered',
    'Read the session to see what still waits.',
  ),
  input_expired: entry(
    410,
    'The input has expired',
    'Send the message again; the agent will ask anew.',
  ),
  replay_expired: entry(
    410,
    'These events are no longer kept',
    'Read GET …/messages, then follow from the first seq named.',
  ),
  payload_too_large: entry(
    413,
    'The body is too large',
    'Stay below the limit that the message names.',
  ),
  unsupported_media_type: entry(
    415,
    'Unsupported content type',
    'Send "Content-Type: application/json", and the body as it is: without a Content-Encoding.',
  ),
  validation_failed: entry(
    422,
    'The request is not valid',
    'Correct the fields listed in "errors".',
  ),
  unknown_agent: entry(
    422,
    'No such agent in this release',
    'Use one of the agents named in the message.',
  ),
  capability_missing: entry(
    422,
    'The harness cannot do this',
    'See GET /v1/harnesses for what each harness can do.',
  ),
  byok_key_rejected: entry(422, 'The provider refused the key', 'Replace the provider key.'),
  rate_limited: entry(429, 'Too many requests', 'Retry after the seconds in Retry-After.'),
  internal: entry(500, 'Internal error', 'Retry; if it stays, report the request_id.'),
  capacity: entry(503, 'No capacity', 'Retry after the seconds in Retry-After.'),
  harness_missing: entry(
    503,
    'The harness is not installed',
    'Install what the message names, then retry.',
  ),
  harness_failed: entry(
    503,
    'The harness did not start',
    'Run karta doctor on the server; the message has its last words.',
  ),
  control_unavailable: entry(
    503,
    'The control plane cannot be reached',
    'Retry after the seconds in Retry-After; an operator looks at its log and at karta doctor.',
  ),
  plane_mismatch: entry(
    503,
    'The planes are of different versions',
    'Run the same release of Karta on both planes.',
  ),
  shutting_down: entry(
    503,
    'The server is starting or shutting down',
    'Retry after the seconds in Retry-After.',
  ),
  storage_full: entry(507, 'The disk is full', 'Free space on the server or in the session.'),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

/** Codes of `error` events: a turn that has begun ends with one of these, then `done`. */
export const TURN_ERRORS = {
  turn_interrupted: 'The server stopped while the turn ran. Send the message again.',
  harness_exited: 'The harness ended unexpectedly. The session can go on.',
  harness_protocol: 'The harness sent what it must not send, and was stopped.',
  approval_bypassed: 'An approval was answered from inside the sandbox, and the turn was stopped.',
  provider_auth: 'The model provider refused the key.',
  provider_rate_limited: 'The model provider limits the rate.',
  provider_overloaded: 'The model provider is overloaded.',
  provider_error: 'The model provider failed.',
  byok_key_rejected: "The model provider refused the org's own key.",
  budget_exhausted: 'The budget does not cover the next model call.',
  control_unavailable: 'The control plane cannot be reached.',
  turn_timeout: 'The turn took longer than max_turn_s.',
  sandbox_limit: 'The sandbox reached its memory or disk limit.',
  capacity: 'No capacity.',
  harness_missing: 'The harness is not installed.',
  harness_failed: 'The harness did not start.',
  storage_full: 'The disk is full.',
  release_revoked: 'The release of this session was revoked.',
  org_suspended: 'The org was suspended or deleted.',
  input_expired: 'An approval waited too long and was denied.',
  internal: 'Internal error.',
} as const satisfies Record<string, string>;

export type TurnErrorCode = keyof typeof TURN_ERRORS;

/** RFC 9457 `application/problem+json`, as every error answer has it. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  error: ErrorCode;
  suggestion: string;
  request_id?: string;
  reason?: string;
  provider?: string;
  message?: string;
  errors?: { pointer: string; message: string; parameter?: string }[];
  [extra: string]: unknown;
}

const MARKER = Symbol.for('karta.error');

/** An error with a code of the registry. Boundaries turn it into a {@link Problem}. */
export class KartaError extends Error {
  readonly [MARKER] = true;
  readonly code: ErrorCode;
  /** Extra members of the problem document, such as `errors` or `first_seq`. */
  readonly extra: Record<string, unknown>;
  /** Seconds for `Retry-After`. */
  readonly retryAfter: number | undefined;

  constructor(
    code: ErrorCode,
    detail?: string,
    options: { extra?: Record<string, unknown>; retryAfter?: number; cause?: unknown } = {},
  ) {
    super(
      detail ?? ERRORS[code].title,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.name = 'KartaError';
    this.code = code;
    this.extra = options.extra ?? {};
    this.retryAfter = options.retryAfter;
  }

  /** Recognises a `KartaError` across duplicate installs of this package. */
  static is(value: unknown): value is KartaError {
    return typeof value === 'object' && value !== null && MARKER in value;
  }
}

/** The problem document of `error`. */
export function problemOf(error: KartaError, requestId?: string): Problem {
  const { status, title, suggestion } = ERRORS[error.code];
  return {
    type: `urn:karta:error:${error.code}`,
    title,
    status,
    detail: error.message,
    error: error.code,
    suggestion,
    ...error.extra,
    ...(requestId === undefined ? {} : { request_id: requestId }),
  };
}
