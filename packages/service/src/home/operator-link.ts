import { join } from 'node:path';

/** Where the first operator's link is: readable by the server's owner alone, never in a log. */
export function operatorLinkPath(home: string): string {
  return join(home, 'operator-link');
}
