import { KartaError, secretsAnswer } from '@karta/protocol';
import type { PlaneClient } from '@karta/service/plane-auth';
import type { Release } from '../control/port.ts';

export interface SecretsParts {
  client: PlaneClient;
  /** Proof that this node has met a credential of the org; `null` before. */
  grantOf(orgId: string): string | null;
  /** How long values that were good count while nobody can be asked, in milliseconds. */
  staleMs: number;
}

/**
 * Looks secrets up at each start of a sandbox, in the control plane; they are on no disk of this
 * node. While it cannot be reached, what it last said counts for a while. Throws `KartaError`:
 * `control_unavailable`, `release_unavailable` without a grant of the org.
 */
export function createReleaseSecrets(
  parts: SecretsParts,
): (release: Release, names: readonly string[]) => Promise<Record<string, string>> {
  const last = new Map<string, { values: Record<string, string>; at: number }>();

  async function valuesOf(release: Release): Promise<Record<string, string>> {
    const { projectId, orgId } = release;
    const grant = parts.grantOf(orgId);
    if (grant === null) {
      throw new KartaError('release_unavailable', 'This node has no permission of its org yet.', {
        retryAfter: 2,
      });
    }
    try {
      const path = `/v1/internal/projects/${projectId}/secrets`;
      const answer = await parts.client.call({ method: 'POST', path, grant }, secretsAnswer);
      if (answer === null) throw new KartaError('release_unavailable', 'The project is gone.');
      last.set(projectId, { values: answer.values, at: performance.now() });
      return answer.values;
    } catch (error) {
      if (!KartaError.is(error) || error.code !== 'control_unavailable') throw error;
      const known = last.get(projectId);
      if (known === undefined || performance.now() - known.at > parts.staleMs) throw error;
      return known.values;
    }
  }

  return async (release, names) => {
    if (names.length === 0) return {};
    const values = await valuesOf(release);
    return Object.fromEntries(
      names.flatMap((name) => (values[name] === undefined ? [] : [[name, values[name]]])),
    );
  };
}
