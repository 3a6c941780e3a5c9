import { type ErrorCode, KartaError } from '@karta/protocol';
import { ReaderError, type ReaderErrorCode } from '@karta/sandbox';

/** What a refusal of the reader is to a client. The reader's own words come from a sandbox. */
const ANSWERS: Readonly<Record<ReaderErrorCode, readonly [ErrorCode, string]>> = {
  not_found: ['not_found', 'There is no such file.'],
  outside: ['not_found', 'There is no such file.'],
  not_a_file: ['validation_failed', 'This path is a folder or something else than a file.'],
  read_only: ['file_read_only', 'A session cannot change this path.'],
  too_large: ['payload_too_large', 'The file is larger than a file may be.'],
  disk_full: ['storage_full', 'The session has no room left for this file.'],
  failed: ['internal', 'The file could not be reached.'],
};

/** Runs a file operation, and turns what the reader refuses into errors of the public surface. */
export async function readerErrors<T>(operation: Promise<T>): Promise<T> {
  try {
    return await operation;
  } catch (error) {
    if (!(error instanceof ReaderError)) throw error;
    const [code, detail] = ANSWERS[error.code];
    throw new KartaError(code, detail, { cause: error });
  }
}
