import { KartaError, type ValidatedCredential } from '@karta/protocol';
import type { PlaneClient } from '@karta/service/plane-auth';
import type { Principal } from '../port.ts';
import { askAbout } from './ask-about.ts';
import { BoundedMap } from './bounded-map.ts';
import { credentialName } from './credential-name.ts';
import type { OrgGrants } from './org-grants.ts';
import type { Trust } from './trust.ts';

/** How long an answer of the control plane is taken without asking again, in milliseconds. */
const FRESH_MS = 5_000;
/** From this age on it is asked about beside a request that still takes it, so that none waits. */
const AHEAD_MS = 4_000;
/** The same of a refusal: a key may have been made a moment ago. */
const REFUSED_MS = 1_000;
/** After a failure to reach the control plane, how long it is not tried again, in milliseconds. */
const RETRY_MS = 1_000;
/** Credentials remembered; of more, those met first are forgotten. */
const MAX_KNOWN = 50_000;

interface Known {
  /** `null`: refused. */
  principal: Principal | null;
  askedAt: number;
}

export interface KeyValidatorParts {
  client: PlaneClient;
  trust: Trust;
  grants: OrgGrants;
  /** How long a key that was good is taken for good while nobody can be asked, in milliseconds. */
  staleMs: number;
  /** Milliseconds, never going back. */
  now?: () => number;
}

export interface KeyValidator {
  /**
   * Who holds an API key; `null` for one that is not good. Throws `KartaError`:
   * `control_unavailable` when nobody can be asked and nothing good is known, `org_suspended`.
   */
  validate(credential: string): Promise<Principal | null>;
}

/**
 * Validates API keys with the control plane: an answer counts for five seconds, is asked for anew
 * from the fourth on while the key is used, and however many requests wait for it, once. While the control plane cannot be reached, a key that was good
 * counts for `staleMs` more, one that was refused does not.
 */
export function createKeyValidator(parts: KeyValidatorParts): KeyValidator {
  const { trust, staleMs, now = () => performance.now() } = parts;
  const known = new BoundedMap<Known>(MAX_KNOWN);
  const asking = new Map<string, Promise<Principal | null>>();
  let unreachable: { until: number; error: KartaError } | null = null;

  async function ask(name: string, credential: string): Promise<Principal | null> {
    if (unreachable !== null && now() < unreachable.until) throw unreachable.error;
    const askedAt = now();
    let answer: ValidatedCredential | null;
    try {
      answer = await askAbout(parts.client, credential);
      unreachable = null;
    } catch (error) {
      if (KartaError.is(error) && OUT_OF_REACH.includes(error.code)) {
        unreachable = { until: now() + RETRY_MS, error };
      }
      throw error;
    }
    const principal = answer === null ? null : principalOf(answer);
    if (answer !== null) parts.grants.keep(answer.org_id, answer.org_grant);
    known.set(name, { principal, askedAt });
    return principal;
  }

  /** One question for all who wait for its answer. */
  function askOnce(name: string, credential: string): Promise<Principal | null> {
    let question = asking.get(name);
    if (question === undefined) {
      question = ask(name, credential).finally(() => asking.delete(name));
      asking.set(name, question);
    }
    return question;
  }

  function admitted(principal: Principal | null): Principal | null {
    if (principal === null) return null;
    const refusal = trust.refusesKey(principal.id, principal.orgId);
    if (refusal === 'org_suspended') throw new KartaError('org_suspended');
    return refusal === null ? principal : null;
  }

  return {
    async validate(credential) {
      const name = credentialName(credential);
      const before = known.get(name);
      const age = before === undefined ? Number.POSITIVE_INFINITY : now() - before.askedAt;
      if (before !== undefined && age < (before.principal === null ? REFUSED_MS : FRESH_MS)) {
        if (before.principal !== null && age >= AHEAD_MS) {
          // A failure is nobody's yet: whoever must wait for an answer asks again, and is told.
          askOnce(name, credential).catch(() => undefined);
        }
        return admitted(before.principal);
      }
      try {
        return admitted(await askOnce(name, credential));
      } catch (error) {
        if (!KartaError.is(error) || !OUT_OF_REACH.includes(error.code)) throw error;
        if (before !== undefined && age < Math.max(staleMs, 0)) {
          if (before.principal === null) return null;
          return admitted(before.principal);
        }
        throw new KartaError('control_unavailable', error.message, { retryAfter: 5, cause: error });
      }
    },
  };
}

/** What a failure says nothing by about the credential. */
const OUT_OF_REACH: readonly string[] = [
  'control_unavailable',
  'plane_mismatch',
  'internal',
  'shutting_down',
];

function principalOf(answer: ValidatedCredential): Principal {
  return {
    kind: 'api_key',
    id: answer.principal_id,
    orgId: answer.org_id,
    scopes: answer.scopes,
    projectId: null,
    sub: null,
    mode: answer.mode,
    token: null,
  };
}
