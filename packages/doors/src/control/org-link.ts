import type { OwnKeys } from '../keys/own-keys.ts';
import type { OwnUpstreams } from '../keys/own-upstreams.ts';
import type { OrgRules } from './org-rules.ts';
import type { DoorsControl } from './port.ts';

/** What the doors of a platform know of orgs, through the control plane. */
export interface OrgLink {
  control: DoorsControl;
  rules: OrgRules;
  /** How long what is known counts while the control plane does not answer, in milliseconds. */
  staleMs: number;
  keys: OwnKeys;
  /** Where calls with them go. */
  upstreams: OwnUpstreams;
}
