import type { IdempotencyScope } from '@karta/http';
import type { Remember } from '../sessions/port.ts';

/** Tells the session service to complete the key together with what it makes. */
export function rememberAs<T>(
  scope: IdempotencyScope | null,
  status: number,
  objectIdOf: (made: T) => string,
): Remember<T> | undefined {
  return scope === null ? undefined : { route: scope.route, key: scope.key, status, objectIdOf };
}
