import { type ApiScope, KartaError, type KeyMode, type Role } from '@karta/protocol';
import { type Action, PERMISSIONS, roleMay, scopesMay } from '../identity/permissions.ts';

/** A signed-in person, in one org or (before choosing or having one) in none. */
export interface Person {
  kind: 'person';
  id: string;
  email: string;
  org: { id: string; role: Role; suspended: boolean } | null;
}

/** A program with an API key, which belongs to one org. */
export interface KeyHolder {
  kind: 'api_key';
  id: string;
  orgId: string;
  scopes: readonly ApiScope[];
  mode: KeyMode;
}

/** Who runs this server. Known on the admin plane only. */
export interface Operator {
  kind: 'operator';
  id: string;
  email: string;
  /** Until it has set up a second factor an operator may do nothing else. */
  secondFactor: boolean;
}

export type Actor = Person | KeyHolder | Operator;

/** Whoever acts within an org, as services and the audit log see them. */
export interface OrgActor {
  kind: 'person' | 'api_key';
  id: string;
  orgId: string;
  /** Shown in the audit log: an e-mail address or the key's id. */
  label: string;
  /** Of a person, in this org. */
  role?: Role;
  /** Of an API key: a test key makes and changes test objects only. A person may do both. */
  mode?: KeyMode;
}

/**
 * The actor within an org, allowed to do `action`. Throws `KartaError`: `not_found` when a person
 * is in no such org, `org_suspended`, `forbidden` when role or scope do not suffice.
 */
export function requireAction(actor: Actor, action: Action): OrgActor {
  if (actor.kind === 'api_key') {
    if (!scopesMay(actor.scopes, action)) throw forbidden(action);
    return { kind: 'api_key', id: actor.id, orgId: actor.orgId, label: actor.id, mode: actor.mode };
  }
  if (actor.kind === 'operator') throw new KartaError('forbidden', 'An operator is in no org.');
  if (actor.org === null) {
    throw new KartaError('not_found', 'You are in no such org. Name one in the header karta-org.');
  }
  if (actor.org.suspended) throw new KartaError('org_suspended');
  if (!roleMay(actor.org.role, action)) throw forbidden(action);
  const { id: orgId, role } = actor.org;
  return { kind: 'person', id: actor.id, orgId, label: actor.email, role };
}

/**
 * A further action within the same request, of a person. Throws `KartaError('forbidden')` for a role
 * that may not, and for an API key.
 */
export function requireRole({ role }: OrgActor, action: Action): void {
  if (role === undefined || !roleMay(role, action)) throw forbidden(action);
}

/** The operator. `KartaError`: `forbidden` for anybody else, `second_factor_needed`. */
export function requireOperator(actor: Actor): Operator {
  if (actor.kind !== 'operator') throw new KartaError('forbidden', 'This is for operators.');
  if (!actor.secondFactor) throw new KartaError('second_factor_needed');
  return actor;
}

function forbidden(action: Action): KartaError {
  const { summary, roles, scope } = PERMISSIONS[action];
  const keys = scope === null ? 'no API key may' : `or an API key with the scope "${scope}"`;
  return new KartaError(
    'forbidden',
    `"${summary}" needs one of the roles ${roles.join(', ')}; ${keys}.`,
  );
}
