import { KartaError } from '@karta/protocol';
import type { PlaneClient } from '@karta/service/plane-auth';
import { askAbout } from './ask-about.ts';
import type { OrgGrants } from './org-grants.ts';

/** A grant is renewed once it is this old, well before it expires, in milliseconds. */
const RENEW_MS = 5 * 60 * 1000;
/** After a failure, how long the control plane is not asked again, in milliseconds. */
const RETRY_MS = 1_000;

/**
 * Gets the grant of an org whose session tokens this node meets: they are verified without asking,
 * and so bring none by themselves.
 */
export interface TokenGrants {
  /** Resolves when there is a grant, or cannot be one now. An old one is renewed meanwhile. */
  ensure(orgId: string, token: string): Promise<void>;
}

export function createTokenGrants(client: PlaneClient, grants: OrgGrants): TokenGrants {
  const asking = new Map<string, Promise<void>>();
  let failedAt = Number.NEGATIVE_INFINITY;

  async function ask(orgId: string, token: string): Promise<void> {
    if (performance.now() - failedAt < RETRY_MS) return;
    try {
      const answer = await askAbout(client, token);
      if (answer?.org_id === orgId) grants.keep(orgId, answer.org_grant);
    } catch (error) {
      // The token is good all the same; what needs the grant says so when it is asked for.
      if (!KartaError.is(error)) throw error;
      failedAt = performance.now();
    }
  }

  function askOnce(orgId: string, token: string): Promise<void> {
    let question = asking.get(orgId);
    if (question === undefined) {
      question = ask(orgId, token).finally(() => asking.delete(orgId));
      asking.set(orgId, question);
    }
    return question;
  }

  return {
    async ensure(orgId, token) {
      const age = grants.age(orgId);
      if (age < RENEW_MS) return;
      const question = askOnce(orgId, token);
      if (age === Number.POSITIVE_INFINITY) await question;
      else question.catch(() => undefined);
    },
  };
}
