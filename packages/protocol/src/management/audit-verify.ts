import { type AuditEvent, type AuditHead, type AuditKeys, auditLine } from './audit.ts';
import { AUDIT_GENESIS, auditEventText, auditHeadText } from './audit-hash.ts';

export type AuditVerdict =
  | {
      ok: true;
      org_id: string;
      /** The first event that was checked; 1 unless a later one was asked for. */
      from: number;
      events: number;
      head: AuditHead;
    }
  | {
      ok: false;
      /** The event at which it was found; `null` when it is about the whole. */
      seq: number | null;
      reason: string;
    };

export interface VerifyAuditOptions {
  /** The keys that the server publishes (`GET /v1/audit/keys`), or the copy that was kept. */
  keys: AuditKeys;
  /**
   * A head that was signed earlier and kept elsewhere: the log must still hold what it held then.
   * Without it only the log's own consistency is known, which whoever rewrote all of it can give.
   */
  against?: AuditHead;
  /** The event that the export must begin with, when it was asked for `?from=`; 1 by default. */
  from?: number;
}

/**
 * Checks an export (lines of `GET /v1/audit/export`): every hash, the order, the signature of its
 * head, and that the log as it was at `against` is its beginning. Never throws for a bad export.
 */
export async function verifyAudit(
  lines: AsyncIterable<string> | Iterable<string>,
  options: VerifyAuditOptions,
): Promise<AuditVerdict> {
  const { keys, against, from = 1 } = options;
  if (against && !(await isSigned(against, keys))) {
    return bad(null, 'the older head is not signed by a key of this server');
  }
  let first: AuditEvent | null = null;
  let last: AuditEvent | null = null;
  let head: AuditHead | null = null;
  let met = against === undefined || against.seq === 0;
  for await (const text of lines) {
    if (text.trim() === '') continue;
    if (head) return bad(head.seq, 'something follows the head');
    const line = parsedLine(text);
    if (line === null)
      return bad(last?.seq ?? null, 'a line after this event is no line of an export');
    if (line.kind === 'head') {
      head = line.head;
      continue;
    }
    const { event } = line;
    const problem = (await hashProblem(event)) ?? orderProblem(event, last, from);
    if (problem !== null) return bad(event.seq, problem);
    if (against && event.org_id === against.org_id) {
      if (event.seq === against.seq) {
        if (event.hash !== against.hash)
          return bad(event.seq, 'it is not what the older head signed');
        met = true;
      } else if (first === null && event.seq === against.seq + 1) {
        if (event.prev_hash !== against.hash) {
          return bad(event.seq, 'it does not follow what the older head signed');
        }
        met = true;
      }
    }
    first ??= event;
    last = event;
  }
  if (head === null) return bad(last?.seq ?? null, 'the export ends before its head');
  if (!(await isSigned(head, keys))) return bad(head.seq, 'the head is not signed by a known key');
  if (last === null ? head.seq >= from : !ends(head, last)) {
    return bad(head.seq, 'the head is not that of the last event');
  }
  if (against && against.org_id !== head.org_id) {
    return bad(null, `the older head is of another org, ${against.org_id}`);
  }
  if (!met) return bad(against?.seq ?? null, 'the event that the older head signed is missing');
  return {
    ok: true,
    org_id: head.org_id,
    from,
    events: last && first ? last.seq - first.seq + 1 : 0,
    head,
  };
}

function bad(seq: number | null, reason: string): AuditVerdict {
  return { ok: false, seq, reason };
}

function parsedLine(text: string) {
  try {
    return auditLine.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

function orderProblem(event: AuditEvent, last: AuditEvent | null, from: number): string | null {
  if (last === null) {
    if (event.seq !== from) return `the export should begin with event ${from}`;
    return from === 1 && event.prev_hash !== AUDIT_GENESIS ? 'it is no beginning of a chain' : null;
  }
  if (event.org_id !== last.org_id) return 'it is of another org';
  if (event.seq !== last.seq + 1) return `it follows event ${last.seq}: some are missing`;
  return event.prev_hash === last.hash ? null : 'it does not follow the event before it';
}

async function hashProblem(event: AuditEvent): Promise<string | null> {
  const bytes = new TextEncoder().encode(auditEventText(event));
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex === event.hash ? null : 'its content is not what its hash was taken over';
}

function ends(head: AuditHead, last: AuditEvent): boolean {
  return head.org_id === last.org_id && head.seq === last.seq && head.hash === last.hash;
}

async function isSigned(head: AuditHead, { keys }: AuditKeys): Promise<boolean> {
  const known = keys.find((key) => key.kid === head.key_id);
  if (!known) return false;
  try {
    const jwk = { kty: known.kty, crv: known.crv, x: known.x };
    const key = await crypto.subtle.importKey('jwk', jwk, { name: 'Ed25519' }, false, ['verify']);
    const text = new TextEncoder().encode(auditHeadText(head));
    return await crypto.subtle.verify('Ed25519', key, bytesOf(head.signature), text);
  } catch {
    // A key or signature that cannot be read signs nothing.
    return false;
  }
}

function bytesOf(base64url: string): Uint8Array<ArrayBuffer> {
  const binary = atob(base64url.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
}
