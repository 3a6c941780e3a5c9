import { HarnessError } from '@karta/harness';
import { type ErrorCode, KartaError } from '@karta/protocol';
import { SandboxError, type SandboxErrorCode } from '@karta/sandbox';

const OF_SANDBOX: Record<SandboxErrorCode, ErrorCode> = {
  unsupported: 'harness_failed',
  busy: 'capacity',
  refused: 'harness_failed',
  disposed: 'harness_failed',
  disk_full: 'storage_full',
  boot_failed: 'harness_failed',
  invalid_spec: 'harness_failed',
};

/** Seconds after which a sandbox that was still going may be asked for again. */
const RETRY_AFTER_S = 2;

/**
 * What a failed start of a sandbox or a harness is to a client. What a sandbox's driver says names
 * places of the host: it stays the cause, for the log. A harness's own words are from inside.
 */
export function startFault(cause: unknown): KartaError {
  if (KartaError.is(cause)) return cause;
  if (cause instanceof SandboxError) {
    const code = OF_SANDBOX[cause.code];
    const options = code === 'capacity' ? { cause, retryAfter: RETRY_AFTER_S } : { cause };
    const message = code === 'harness_failed' ? 'The sandbox could not be made.' : undefined;
    return new KartaError(code, message, options);
  }
  if (cause instanceof HarnessError) {
    const code = cause.code === 'not_installed' ? 'harness_missing' : 'harness_failed';
    return new KartaError(code, cause.message);
  }
  if (isNoSpace(cause)) return new KartaError('storage_full', undefined, { cause });
  return new KartaError('internal', 'The sandbox could not be started.', { cause });
}

function isNoSpace(cause: unknown): boolean {
  const code = cause instanceof Error && 'code' in cause ? cause.code : null;
  return code === 'ENOSPC' || code === 'EDQUOT';
}
