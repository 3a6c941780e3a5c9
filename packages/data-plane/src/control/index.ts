export { type Credentials, credentialsPath, readCredentials } from '@karta/service/home';
export { openLocalControl } from './local.ts';
export { ensureLocalOrg, type LocalUrls } from './local-org.ts';
export { localStatePath, projectRef } from './local-state.ts';
export type { ControlPlane, Principal, Project, Release, ReleaseConfig, Scope } from './port.ts';
export {
  activateRelease,
  type PublishedContent,
  type RecordedRelease,
  recordRelease,
  setAllowedOrigins,
  setDefaultProject,
} from './publish.ts';
