import { type ErrorCode, KartaError } from '@karta/protocol';
import { ReaderError, type ReaderErrorCode } from '@karta/sandbox';

const OF_READER: Record<ReaderErrorCode, ErrorCode> = {
  not_found: 'not_found',
  not_a_file: 'validation_failed',
  outside: 'validation_failed',
  read_only: 'forbidden',
  too_large: 'payload_too_large',
  disk_full: 'storage_full',
  failed: 'internal',
};

/** What a failed file call is to a client. */
export function fileFault(cause: unknown): unknown {
  if (!(cause instanceof ReaderError)) return cause;
  const code = OF_READER[cause.code];
  const detail = code === 'internal' ? 'The file could not be reached.' : cause.message;
  return new KartaError(code, detail, { cause });
}

/** The same call, its failures told as `KartaError`. */
export function tellingFileFaults<T>(call: Promise<T>): Promise<T> {
  return call.catch((cause: unknown) => {
    throw fileFault(cause);
  });
}
