export { type RemoteAuth, type RemoteAuthParts, remoteAuth } from './authenticate.ts';
export { createOrgGrants, type OrgGrants } from './org-grants.ts';
export type { TrustSource } from './trust.ts';
