import { credentialOf } from '@karta/http';
import { KartaError } from '@karta/protocol';
import type { Person } from '../http/actor.ts';
import type { Authenticator } from '../http/route.ts';
import type { Database } from '../sql/database.ts';
import type { Login } from './login.ts';

export interface PersonAuthenticatorDeps {
  login: Login;
  database: Database;
  /** Where pages may act with a browser's cookie. */
  publicUrl: string;
}

/**
 * Resolves a signed-in person, by bearer token or by the cookie of a browser, and the org that the
 * header `karta-org` (id or slug) names; without it the only org of the person.
 */
export function personAuthenticator(deps: PersonAuthenticatorDeps): Authenticator {
  return {
    async actorOf(headers) {
      const user = await signedInUser(deps.login, headers, deps.publicUrl);
      if (user === null) return null;
      const org = await chosenOrg(deps.database, user.id, headers.get('karta-org'));
      return { kind: 'person', id: user.id, email: user.email, org };
    },
  };
}

/**
 * The account behind a bearer token, or, when there is none, behind a cookie. Throws
 * `KartaError('forbidden')` when a page of another origin uses the cookie.
 */
export async function signedInUser(
  login: Login,
  headers: Pick<Headers, 'get'>,
  publicUrl: string,
): Promise<{ id: string; email: string; twoFactorEnabled: boolean } | null> {
  const credential = credentialOf(headers);
  const cookie = headers.get('cookie');
  if (credential === null && cookie === null) return null;
  const shown = new Headers();
  if (credential !== null) {
    // Only signed bearer tokens count; a cookie beside it does not.
    if (!credential.includes('.')) return null;
    shown.set('authorization', `Bearer ${credential}`);
  } else {
    const origin = headers.get('origin');
    // Browsers send it with every request that can change something.
    if (origin !== null && origin !== new URL(publicUrl).origin) {
      throw new KartaError('forbidden', 'Pages of another origin may not act for you.');
    }
    shown.set('cookie', cookie ?? '');
  }
  const session = await login.api.getSession({ headers: shown });
  if (!session) return null;
  const { id, email, twoFactorEnabled } = session.user;
  return { id, email, twoFactorEnabled: twoFactorEnabled === true };
}

async function chosenOrg(
  database: Database,
  personId: string,
  named: string | null,
): Promise<Person['org']> {
  let query = database
    .selectFrom('memberships')
    .innerJoin('orgs', 'orgs.id', 'memberships.org_id')
    .where('memberships.person_id', '=', personId)
    .where('orgs.deleted_at', 'is', null)
    .select(['orgs.id', 'memberships.role', 'orgs.suspended_at'])
    .limit(2);
  if (named !== null) {
    query = query.where((eb) => eb.or([eb('orgs.id', '=', named), eb('orgs.slug', '=', named)]));
  }
  const [org, another] = await query.execute();
  if (!org || another) return null;
  return { id: org.id, role: org.role, suspended: org.suspended_at !== null };
}

/** API keys (`kt_…`) go to one authenticator, everything else to that of people. */
export function byCredential(people: Authenticator, keys: Authenticator): Authenticator {
  return {
    actorOf: (headers) =>
      credentialOf(headers)?.startsWith('kt_') ? keys.actorOf(headers) : people.actorOf(headers),
  };
}
