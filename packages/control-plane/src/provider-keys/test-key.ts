import { KartaError, type ProviderKeyTest, providerKeyTest } from '@karta/protocol';
import type { PlaneClient } from '@karta/service/plane-auth';
import type { OrgGrants } from '../internal/org-grant.ts';

/** How long a provider may take to answer a test, in ms; the doors give up before. */
const TEST_MS = 30_000;

/** A data plane, and the id under which its doors hold grants. */
export interface TestingNode {
  id: string;
  client: PlaneClient;
}

/**
 * Has the doors of a node ask the provider whether it takes the org's key: this plane never speaks
 * to a provider. Throws `KartaError('control_unavailable')` when no node answers.
 */
export async function testKey(
  nodes: readonly TestingNode[],
  grants: Pick<OrgGrants, 'issue'>,
  { orgId, provider }: { orgId: string; provider: string },
): Promise<ProviderKeyTest> {
  let failure: unknown;
  for (const { id, client } of nodes) {
    try {
      const answer = await client.call(
        {
          method: 'POST',
          path: '/v1/internal/doors/test-key',
          json: { org_id: orgId, provider },
          grant: grants.issue(id, orgId),
          timeoutMs: TEST_MS,
        },
        providerKeyTest,
      );
      if (answer !== null) return answer;
    } catch (error) {
      failure = error;
    }
  }
  throw new KartaError('control_unavailable', 'No data plane could test the key.', {
    cause: failure,
    retryAfter: 5,
  });
}
