import {
  KartaError,
  leaseAnswer,
  leaseReportAnswer,
  orgSpendRules,
  providerKeyAnswer,
  registerDoorsAnswer,
} from '@karta/protocol';
import type { PlaneClient } from '@karta/service/plane-auth';
import type { DoorsControl } from './port.ts';

const ROOT = '/v1/internal/doors';

/** The control plane over its internal surface. Connects with each question: it need not run yet. */
export function remoteControl(client: PlaneClient): DoorsControl {
  const post = (path: string, json: object, grant?: string) => ({
    method: 'POST' as const,
    path: `${ROOT}/${path}`,
    json,
    ...(grant === undefined ? {} : { grant }),
  });
  return {
    async register(epoch) {
      const answer = await client.call(post('register', { epoch }), registerDoorsAnswer);
      return served(answer, 'register').epoch;
    },
    rules: (orgId, grant) => client.call(post('org', { org_id: orgId }, grant), orgSpendRules),
    providerKey: (orgId, provider, grant) =>
      client.call(post('provider-keys', { org_id: orgId, provider }, grant), providerKeyAnswer),
    lease: (body, grant) => client.call(post('leases', body, grant), leaseAnswer),
    report: async (body) =>
      served(await client.call(post('leases/report', body), leaseReportAnswer), 'leases/report'),
    prices: async (book) =>
      served(await client.call({ method: 'GET', path: `${ROOT}/prices` }, book), 'prices'),
  };
}

/** A route that concerns no org is there for every node's doors, unless their key is not known. */
function served<T>(answer: T | null, route: string): T {
  if (answer !== null) return answer;
  throw new KartaError(
    'control_unavailable',
    `The control plane does not serve ${ROOT}/${route} to these doors: it does not know their key.`,
  );
}
