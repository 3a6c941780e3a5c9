import { type ApiScope, ROLES, type Role } from '@karta/protocol';

interface Permission {
  /** What it allows, for the published matrix. */
  summary: string;
  roles: readonly Role[];
  /** The least scope of an API key that may do it; `null`: people only. */
  scope: ApiScope | null;
}

const everyone = ROLES;
const builders: readonly Role[] = ['owner', 'admin', 'developer'];
const admins: readonly Role[] = ['owner', 'admin'];
const payers: readonly Role[] = ['owner', 'admin', 'billing'];

function may(summary: string, roles: readonly Role[], scope: ApiScope | null): Permission {
  return { summary, roles, scope };
}

/** The one permission matrix: every action, who may do it. Code, documentation and tests read it. */
export const PERMISSIONS = {
  'org.read': may('See the org', everyone, 'read'),
  'org.update': may('Rename the org, change its settings', admins, null),
  'org.delete': may('Delete the org', ['owner'], null),
  'org.leave': may('Leave the org', everyone, null),
  'members.read': may('See members and invitations', everyone, 'read'),
  'members.manage': may('Invite, change roles, remove', admins, null),
  'owners.manage': may('Invite owners, make, demote and remove them', ['owner'], null),
  'keys.read': may('See API keys, never their secret', builders, 'admin'),
  'keys.manage': may('Create and revoke API keys', admins, 'admin'),
  'projects.read': may('See projects', everyone, 'read'),
  'projects.manage': may('Create, change and delete projects', builders, 'admin'),
  'releases.read': may('See releases, build logs and differences', everyone, 'read'),
  'releases.publish': may('Publish a release, make a preview', builders, 'write'),
  'releases.activate': may('Activate, roll back', builders, 'write'),
  'releases.revoke': may('Revoke a release, which ends its sessions', admins, 'admin'),
  'env.read': may('See names of values, and values that are no secret', builders, 'write'),
  'env.manage': may('Set and remove values', builders, 'admin'),
  'sessions.read': may(
    'Read conversations, with a staff token',
    ['owner', 'admin', 'developer', 'viewer'],
    null,
  ),
  'sessions.write': may('Talk in sessions, answer, end them, with a staff token', builders, null),
  'tokens.mint': may('Mint and revoke session tokens', builders, 'write'),
  'embed_keys.manage': may('Create and revoke embed keys', builders, 'admin'),
  'end_users.erase': may("Erase an end user's data", admins, 'admin'),
  'usage.read': may('See usage', everyone, 'read'),
  'budgets.read': may('See budgets and what was used of them', everyone, 'read'),
  'budgets.manage': may('Create, change and remove budgets', [...admins, 'billing'], 'admin'),
  'rate_limits.read': may('See rate limits', everyone, 'read'),
  'rate_limits.manage': may('Set, change and remove rate limits', admins, 'admin'),
  'provider_keys.read': may('See provider keys, never their secret', builders, 'admin'),
  'provider_keys.manage': may('Set, test and destroy provider keys', admins, 'admin'),
  'webhooks.read': may('See webhook endpoints and deliveries', builders, 'read'),
  'webhooks.manage': may('Create, change and redeliver webhooks', builders, 'admin'),
  'audit.read': may('Read and export the audit log', admins, 'admin'),
  'billing.read': may('See the subscription and invoices', payers, null),
  'billing.manage': may('Change the subscription', payers, null),
} as const satisfies Record<string, Permission>;

export type Action = keyof typeof PERMISSIONS;

const SCOPE_RANK: Readonly<Record<ApiScope, number>> = { read: 0, write: 1, admin: 2 };

/** Whether a member of that role may do it. */
export function roleMay(role: Role, action: Action): boolean {
  const { roles }: Permission = PERMISSIONS[action];
  return roles.includes(role);
}

/** Whether an API key with these scopes may do it: a higher scope includes the lower ones. */
export function scopesMay(scopes: readonly ApiScope[], action: Action): boolean {
  const { scope }: Permission = PERMISSIONS[action];
  return scope !== null && scopes.some((held) => SCOPE_RANK[held] >= SCOPE_RANK[scope]);
}
