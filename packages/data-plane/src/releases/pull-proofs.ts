import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readJsonFile, writeFileAtomically } from '@karta/service/home';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { OrgGrants } from '../control/remote/index.ts';

/** How often an org's newest grant is written down, in milliseconds. */
const RENEW_MS = 24 * 60 * 60 * 1000;
/** How long news are gathered before they are written, in milliseconds. */
const SETTLE_MS = 1_000;
/** Orgs that are written down; those written longest ago are forgotten first. */
const MAX_ORGS = 10_000;

const proofFile = z.strictObject({
  format: z.literal(1),
  proofs: z.record(z.string(), z.strictObject({ grant: z.string(), at: z.int() })),
});
type Proofs = z.infer<typeof proofFile>['proofs'];

/**
 * Proof that this node has met a credential of an org at some time, also before its last start: an
 * expired grant lets it pull that org's releases, and nothing else.
 */
export interface PullProofs {
  /** The newest; `null`: none was ever met. */
  of(orgId: string): string | null;
  /** Resolves when all that was kept is on disk. */
  settled(): Promise<void>;
}

/** The proofs of a platform home, kept up with the grants that come in. */
export async function openPullProofs(
  home: string,
  grants: OrgGrants,
  log: Pick<Logger, 'error'>,
  settleMs = SETTLE_MS,
): Promise<PullProofs> {
  const path = join(home, 'data', 'grants.json');
  const known: Proofs = (await readJsonFile(path, proofFile))?.proofs ?? {};
  let writing: Promise<void> | null = null;

  async function write(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, settleMs).unref());
    writing = null;
    const newest = Object.entries(known)
      .sort(([, one], [, other]) => other.at - one.at)
      .slice(0, MAX_ORGS);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFileAtomically(
      path,
      JSON.stringify({ format: 1, proofs: Object.fromEntries(newest) }),
    );
  }

  grants.onKeep((orgId, grant) => {
    const before = known[orgId];
    if (before !== undefined && Date.now() - before.at < RENEW_MS) return;
    known[orgId] = { grant, at: Date.now() };
    writing ??= write().catch((error: unknown) => {
      log.error({ err: error }, 'the grants of this node could not be written down');
    });
  });

  return {
    of: (orgId) => grants.of(orgId) ?? known[orgId]?.grant ?? null,
    settled: async () => writing ?? undefined,
  };
}
