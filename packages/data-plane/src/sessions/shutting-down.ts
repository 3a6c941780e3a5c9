import { KartaError } from '@karta/protocol';

/** A restart usually takes less. */
const RETRY_AFTER_S = 5;

/** What is refused while the engine starts or goes down. */
export function shuttingDown(): KartaError {
  return new KartaError('shutting_down', undefined, { retryAfter: RETRY_AFTER_S });
}
