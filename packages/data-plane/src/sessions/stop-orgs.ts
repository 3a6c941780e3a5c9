import type { Engine } from './engine.ts';
import type { LiveSessions } from './live-sessions.ts';

/**
 * Stops what runs of orgs that were suspended or deleted: turns end with `org_suspended`, those that
 * wait too, and their sandboxes end. The sessions stay: an org that is let go on goes on with them.
 * What ran is booked. Resolves when all has ended; call once the control plane's port says of these
 * orgs that they are stopped, so that no other turn of theirs begins.
 */
export async function stopOrgs(
  engine: Engine,
  live: LiveSessions,
  orgIds: ReadonlySet<string>,
): Promise<void> {
  if (orgIds.size === 0) return;
  const running = [...live.all()].filter(({ orgId }) => orgIds.has(orgId));
  for (const session of running) session.current?.stop('org_stopped');
  await Promise.all(
    running.map(async (session) => {
      await session.idle;
      // A turn that was stopped while it waited for its sandbox leaves it coming up.
      await session.attachSettled();
    }),
  );
  const awake = await engine.database
    .selectFrom('sessions')
    .select(['id', 'org_id'])
    .where('ended_at', 'is', null)
    .where(({ eb, val }) => eb('org_id', '=', eb.fn.any(val([...orgIds]))))
    .execute();
  await Promise.all(
    awake
      .filter(({ id, org_id }) => engine.runner.isLive(id) && engine.control.orgStopped?.(org_id))
      .map(({ id }) => engine.runner.hibernate(id)),
  );
}
