export type { ControlPlane, Principal, Project, Release, ReleaseConfig, Scope } from './port.ts';
