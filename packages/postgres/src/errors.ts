export type PostgresErrorCode =
  | 'unsupported'
  | 'in_use'
  | 'init_failed'
  | 'start_failed'
  | 'secrets_lost'
  | 'migration_invalid'
  | 'migration_changed'
  | 'migration_unknown';

/** A failure of the embedded database or of a migration. The message says what to do. */
export class PostgresError extends Error {
  readonly code: PostgresErrorCode;
  constructor(code: PostgresErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'PostgresError';
    this.code = code;
  }
}
