export type GuardErrorCode =
  /** One line, event or body is larger than its bound. */
  | 'frame_too_large'
  /** JSON nested too deep, or with too many members. */
  | 'json_too_complex'
  | 'not_json'
  | 'headers_too_large'
  /** An answer that sends the client elsewhere. */
  | 'redirect'
  /** A compressed body: what it grows to is not bounded by what was sent. */
  | 'encoded'
  /** The peer broke the protocol or the connection. */
  | 'protocol'
  /** The peer sends, but does not read what it is sent. */
  | 'not_reading';

/**
 * What a sandbox sent is not what its protocol allows. The peer is broken or hostile: end it. The
 * message never repeats the bytes.
 */
export class GuardError extends Error {
  readonly code: GuardErrorCode;
  constructor(code: GuardErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'GuardError';
    this.code = code;
  }
}
