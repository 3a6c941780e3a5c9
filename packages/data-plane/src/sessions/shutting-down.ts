import { KartaError } from '@karta/protocol';

/** A restart usually takes less. */
const RETRY_AFTER_S = 5;

/** What is refused while the engine goes down, or, with its own words, while it starts. */
export function shuttingDown(detail?: string): KartaError {
  return new KartaError('shutting_down', detail, { retryAfter: RETRY_AFTER_S });
}
