import type { Tx } from '../sql/database.ts';
import { nextRevision } from '../sync/catalog-version.ts';

/** Makes a project the one of the org's flat sessions. */
export async function setDefaultProject(tx: Tx, orgId: string, projectId: string): Promise<void> {
  const revision = await nextRevision(tx);
  await tx
    .updateTable('orgs')
    .set({ default_project_id: projectId })
    .where('id', '=', orgId)
    .execute();
  // Nodes must hear of the one that was and the one that is.
  await tx.updateTable('projects').set({ revision }).where('org_id', '=', orgId).execute();
}
