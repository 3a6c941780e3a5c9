import { isoTime, type PlaneKeyView } from '@karta/protocol';
import { nodeIdOf } from '@karta/service/plane-auth';
import type { Database } from '../sql/database.ts';
import type { ConfiguredPlane } from './configured-planes.ts';
import { openRotations } from './rotation-rows.ts';

/** The keys of every configured plane as they are now. */
export async function listPlaneKeys(
  database: Database,
  planes: readonly ConfiguredPlane[],
): Promise<PlaneKeyView[]> {
  const [rows, open] = await Promise.all([
    database
      .selectFrom('plane_keys')
      .select(['kid', 'configured_kid', 'active_at', 'refused_at'])
      .where('active_at', 'is not', null)
      .orderBy('active_at', 'desc')
      .execute(),
    openRotations(database),
  ]);
  const now = new Date();
  return planes.map(({ kind, key, node }): PlaneKeyView => {
    const own = rows.filter(({ configured_kid }) => configured_kid === key.kid);
    const current = own.find(({ refused_at }) => refused_at === null);
    const changing = open.find(({ configured_kid }) => configured_kid === key.kid);
    return {
      of: kind,
      node_id: node === null ? null : nodeIdOf(node.kid),
      kid: current?.kid ?? key.kid,
      since:
        current?.active_at == null || current.kid === key.kid ? null : isoTime(current.active_at),
      former: own.flatMap(({ kid, refused_at }) =>
        refused_at !== null && refused_at > now ? [{ kid, until: isoTime(refused_at) }] : [],
      ),
      changing_since: changing === undefined ? null : isoTime(changing.requested_at),
    };
  });
}
