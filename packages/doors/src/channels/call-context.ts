import type { Logger } from 'pino';
import type { CallAdmission } from '../budgets/call-admission.ts';
import type { OrgLink } from '../control/org-link.ts';
import type { Journal } from '../journal/journal.ts';
import type { Metrics } from '../metrics.ts';
import type { Upstreams } from '../upstreams/select.ts';
import type { ProcessBodies } from './process-bodies.ts';

/** What serving a call needs of the process. */
export interface CallContext {
  upstreams: Upstreams;
  metrics: Metrics;
  /** `null` where no control plane is configured: no budgets, no keys of orgs. */
  orgs: OrgLink | null;
  /** Decides on money before a call is sent. */
  admission: CallAdmission;
  /** Where billed calls are written down. */
  journal: Journal;
  /** Request bodies of all channels held in memory. */
  bodies: ProcessBodies;
  log: Logger;
  /** True once the process is to end: new calls are refused. */
  draining(): boolean;
}
