import { loggable } from '@karta/http';
import type { Logger } from 'pino';
import type { BoundRoute } from '../http/route.ts';
import type { Database } from '../sql/database.ts';
import { type AuditHeads, createAuditHeads } from './heads.ts';
import { type AuditLog, createAuditLog } from './log.ts';
import { auditRoutes } from './routes.ts';
import { auditSigner } from './signer.ts';

/** How often the heads of chains that have grown are signed, in ms. */
const SIGN_MS = 60 * 60 * 1000;

export interface AuditDeps {
  home: string;
  database: Database;
  log: Logger;
}

/** The audit log's routes and its hourly signatures. */
export interface Audit {
  routes: BoundRoute[];
  heads: AuditHeads;
  log: AuditLog;
  start(): void;
  stop(): Promise<void>;
}

export async function createAudit({ home, database, log }: AuditDeps): Promise<Audit> {
  const heads = createAuditHeads(database, await auditSigner(home));
  await heads.publishKey();
  const auditLog = createAuditLog(database, heads);
  let signing: NodeJS.Timeout | undefined;

  let signed: Promise<unknown> = Promise.resolve();

  function sign(): void {
    signed = heads.signAll().catch((error: unknown) => {
      log.error(loggable(error), 'heads of the audit log could not be signed');
    });
  }

  return {
    routes: auditRoutes(auditLog, heads),
    heads,
    log: auditLog,
    start() {
      // Also at a start: a server that is restarted within the hour would never sign.
      sign();
      signing = setInterval(sign, SIGN_MS);
    },
    async stop() {
      clearInterval(signing);
      await signed;
    },
  };
}
