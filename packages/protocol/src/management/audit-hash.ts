import { canonicalJson } from '../canonical-json.ts';
import type { AuditEvent, AuditHead } from './audit.ts';

/** What the first event of a chain names as the hash before it. */
export const AUDIT_GENESIS = '0'.repeat(64);

/** What the hash of an event is taken over: every other field of it. */
export function auditEventText({ hash: _, ...event }: AuditEvent): string {
  return canonicalJson(event);
}

/** What the signature of a head is made over. */
export function auditHeadText({ signature: _, ...head }: AuditHead): string {
  return canonicalJson(head);
}
