import { join } from 'node:path';

/** The folder of all materialised releases. */
export function releasesFolder(home: string): string {
  return join(home, 'releases');
}

/** Where the release of a digest is, or will be, materialised. */
export function releaseFolder(home: string, digest: string): string {
  if (!/^[0-9a-f]{64}$/.test(digest)) throw new TypeError('not a digest');
  return join(releasesFolder(home), digest);
}
