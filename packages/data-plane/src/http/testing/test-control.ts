import type {
  ControlPlane,
  Principal,
  Project,
  Release,
  StaffRights,
  TokenRights,
} from '../../control/port.ts';

const ADMIN = ['read', 'write', 'admin'] as const;

/** Credentials of the control plane below. */
export const KEYS = {
  staff: 'key-staff',
  /** An API key of org_1, with every scope. */
  full: 'key-full',
  read: 'key-read',
  /** An API key of org_2. */
  foreign: 'key-foreign',
  /** A session token of org_1's project `shop`, for the end user `ann`. */
  token: 'token-shop',
  /** The same without an end user. */
  anonymousToken: 'token-anonymous',
} as const;

/** What stands for an org in the host of a project. */
const SLUG_OF: Readonly<Record<string, string>> = { org_1: 'acme', org_2: 'umbrella' };

export const SHOP_ORIGIN = 'https://shop.example';
/** Of the control plane's own pages. */
export const STAFF_ORIGIN = 'https://control.example';

/**
 * A control plane with two orgs and session tokens, which the local one does not have: both orgs
 * have a project `shop`, org_1 also `desk` and `empty` (never published).
 */
export function testControl(): ControlPlane {
  const projects: Project[] = [
    projectOf('org_1', 'shop', [SHOP_ORIGIN]),
    projectOf('org_1', 'desk', []),
    { ...projectOf('org_1', 'empty', []), activeReleaseId: null },
    projectOf('org_2', 'shop', []),
    projectOf('org_2', 'theirs', []),
  ];
  const principals: Record<string, Principal> = {
    [KEYS.full]: apiKey('org_1', 'key_full', ADMIN),
    [KEYS.read]: apiKey('org_1', 'key_read', ['read']),
    [KEYS.foreign]: apiKey('org_2', 'key_foreign', ADMIN),
    [KEYS.token]: token('jti_ann', 'ann'),
    [KEYS.anonymousToken]: token('jti_none', null),
    [KEYS.staff]: staff('per_1', 'write'),
  };
  const find = (orgId: string, matches: (project: Project) => boolean) =>
    projects.find((project) => project.orgId === orgId && matches(project)) ?? null;
  return {
    authenticate: async (credential) =>
      Object.hasOwn(principals, credential) ? (principals[credential] ?? null) : null,
    project: async (orgId, ref) => find(orgId, (project) => project.ref === ref),
    projectById: async (orgId, id) => find(orgId, (project) => project.id === id),
    defaultProject: async (orgId) => find(orgId, (project) => project.ref === 'shop'),
    staffOrigins: async () => [STAFF_ORIGIN],
    originsOf: async (ref) =>
      projects
        .filter((project) => project.ref === ref)
        .flatMap((project) => project.allowedOrigins),
    projectOfHost: async (orgId, label) =>
      find(orgId, (project) => label === `${project.ref}-${SLUG_OF[orgId]}`),
    originsOfHost: async (label) =>
      projects
        .filter((project) => label === `${project.ref}-${SLUG_OF[project.orgId]}`)
        .flatMap((project) => project.allowedOrigins),
    release: async (orgId, releaseId) => releaseOf(orgId, releaseId),
    activeReleases: async () => [],
  };
}

function projectOf(orgId: string, ref: string, allowedOrigins: readonly string[]): Project {
  const id = `proj_${orgId}_${ref}`;
  return { id, orgId, ref, activeReleaseId: `rel_${id}`, allowedOrigins };
}

function apiKey(orgId: string, id: string, scopes: Principal['scopes']): Principal {
  return {
    kind: 'api_key',
    id,
    orgId,
    scopes,
    projectId: null,
    sub: null,
    mode: 'live',
    token: null,
  };
}

/** A session token for the project `shop` of org_1. */
export function token(
  id: string,
  sub: string | null,
  rights: Partial<TokenRights> = {},
): Principal {
  const projectId = 'proj_org_1_shop';
  return {
    kind: 'session_token',
    id,
    orgId: 'org_1',
    scopes: ['write'],
    projectId,
    sub,
    mode: 'live',
    token: {
      scopes: ['chat'],
      sessionId: null,
      metadata: {},
      origins: null,
      mintedBy: 'key_full',
      issuedAt: 0,
      expiresAt: 1e10,
      ...rights,
    },
  };
}

/** A staff token of org_1. */
export function staff(
  id: string,
  scope: 'read' | 'write',
  rights: Partial<StaffRights> = {},
): Principal {
  return {
    ...apiKey('org_1', id, [scope]),
    kind: 'staff',
    staff: { tokenId: `tok_${id}`, sessionId: null, issuedAt: 0, expiresAt: 1e10, ...rights },
  };
}

function releaseOf(orgId: string, releaseId: string): Release {
  return {
    id: releaseId,
    orgId,
    projectId: releaseId.slice('rel_'.length),
    version: 'v1',
    digest: 'a'.repeat(64),
    harness: { id: 'opencode', version: '1.18.34' },
    createdAt: new Date(0),
    config: {
      memoryMb: null,
      cpus: null,
      diskMb: null,
      maxTurnMs: null,
      env: {},
      modelDefault: null,
      modelFallback: [],
      networkAllow: [],
      providerTools: false,
    },
  };
}
