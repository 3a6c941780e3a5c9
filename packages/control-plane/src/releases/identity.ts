import { createHash } from 'node:crypto';
import { type BuildLine, canonicalJson, type ReleaseRecord } from '@karta/protocol';

type Built = Extract<BuildLine, { kind: 'built' }>;

/**
 * What makes a release this release: the same content for the same harness with the same
 * configuration is the same one. SHA-256, hex.
 */
export function releaseIdentity(release: {
  content_digest: string;
  harness: Built['harness'];
  config: ReleaseRecord['config'];
}): string {
  const { content_digest, harness, config } = release;
  return createHash('sha256')
    .update(canonicalJson({ content_digest, harness, config }))
    .digest('hex');
}
