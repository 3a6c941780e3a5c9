import { badParameter } from '@karta/http';
import { type ErrorCode, KartaError } from '@karta/protocol';
import { ReaderError, type ReaderErrorCode } from '@karta/sandbox';

type Told = Exclude<ReaderErrorCode, 'not_a_file'>;

/** What a refusal of the reader is to a client. The reader's own words come from a sandbox. */
const ANSWERS: Readonly<Record<Told, readonly [ErrorCode, string]>> = {
  not_found: ['not_found', 'There is no such file.'],
  outside: ['not_found', 'There is no such file.'],
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
    if (error.code === 'not_a_file') {
      throw badParameter('path', 'is a folder or something else than a file', error);
    }
    const [code, detail] = ANSWERS[error.code];
    throw new KartaError(code, detail, { cause: error });
  }
}

/**
 * The same for a write, which makes the folders that are missing: what it does not find can never be
 * there.
 */
export async function writeErrors<T>(operation: Promise<T>): Promise<T> {
  try {
    return await operation;
  } catch (error) {
    if (error instanceof ReaderError && (error.code === 'not_found' || error.code === 'outside')) {
      const why = 'cannot be written: a name in it is too long, or leads through a file or a link';
      throw badParameter('path', why, error);
    }
    return readerErrors(Promise.reject(error));
  }
}
