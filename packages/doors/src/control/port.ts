import type {
  LeaseAnswer,
  LeaseBody,
  LeaseReportAnswer,
  LeaseReportBody,
  OrgSpendRules,
  ProviderKeyAnswer,
} from '@karta/protocol';
import type { z } from 'zod';

/**
 * What the doors ask of the control plane. What concerns an org is asked with its grant: `null` is
 * answered where the control plane does not accept it, as for an org that does not exist. Everything
 * throws `KartaError('control_unavailable')` when nobody can be asked.
 */
export interface DoorsControl {
  /**
   * These doors have started as this epoch, by which their leases are marked. Resolves with the
   * highest that was ever registered for their node.
   */
  register(epoch: number): Promise<number>;
  /** How an org's calls are served. */
  rules(orgId: string, grant: string): Promise<OrgSpendRules | null>;
  /** The org's own key; `null` as well where it has none of this provider. */
  providerKey(orgId: string, provider: string, grant: string): Promise<ProviderKeyAnswer | null>;
  /** What may be spent for the subject by this node itself. */
  lease(body: LeaseBody, grant: string): Promise<LeaseAnswer | null>;
  /** Tells what was taken from leases. */
  report(body: LeaseReportBody): Promise<LeaseReportAnswer>;
  /** The price book in force. */
  prices<Book>(book: z.ZodType<Book>): Promise<Book>;
}
