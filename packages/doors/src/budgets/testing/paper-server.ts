import {
  KartaError,
  leaseBody,
  leaseReportBody,
  type OrgSpendRules,
  orgSpendRulesBody,
  registerDoorsBody,
} from '@karta/protocol';
import { BUILT_IN_PRICES } from '@karta/protocol/built-in-prices';
import { internalRoute, type PlanePrivateKey } from '@karta/service/plane-auth';
import { serveControlSurface } from '../../testing/control-surface.ts';
import { PaperControl } from './paper-control.ts';

/** The grant that the paper control plane takes for every org. */
export const PAPER_GRANT = 'og1.paper';

/** Budgets on paper, behind the internal surface of a control plane. */
export interface PaperServer {
  control: PaperControl;
  /** How the calls of the org are served; `capped` while there is a cap. */
  rules: Omit<OrgSpendRules, 'capped' | 'price_version'>;
  /** Whether the org is there. */
  known: boolean;
  /** What the doors are configured with. */
  link: { internal_url: string; key: PlanePrivateKey };
  close(): Promise<void>;
}

/** Serves a paper control plane by the real clock. */
export async function servePaper(): Promise<PaperServer> {
  const control = new PaperControl();
  const rules: PaperServer['rules'] = {
    ...{ unknown_model: 'refuse', own_keys: [], platform_fallback: false },
  };
  const timed = <T>(work: () => Promise<T>): Promise<T> => {
    control.now = Date.now();
    return work();
  };
  const [method, peer] = ['POST', 'doors'] as const;
  const routes = [
    internalRoute({
      ...{ method, peer, path: '/v1/internal/doors/org', body: orgSpendRulesBody },
      handle: async ({ grant }) => {
        if (!control.up) throw new KartaError('control_unavailable');
        return grant === PAPER_GRANT && server.known
          ? { ...rules, capped: control.caps.length > 0, price_version: BUILT_IN_PRICES.version }
          : null;
      },
    }),
    internalRoute({
      ...{ method, peer, path: '/v1/internal/doors/leases', body: leaseBody },
      handle: async ({ grant, body }) =>
        grant === PAPER_GRANT && server.known ? timed(() => control.lease(body)) : null,
    }),
    internalRoute({
      ...{ method, peer, path: '/v1/internal/doors/leases/report', body: leaseReportBody },
      handle: async ({ body }) => timed(() => control.report(body)),
    }),
    internalRoute({
      ...{ method, peer, path: '/v1/internal/doors/register', body: registerDoorsBody },
      handle: async ({ body }) =>
        timed(async () => ({ epoch: await control.register(body.epoch) })),
    }),
  ];
  const surface = await serveControlSurface(routes);
  const server: PaperServer = {
    control,
    rules,
    known: true,
    link: { internal_url: surface.url, key: surface.doorsKey },
    close: () => surface.close(),
  };
  return server;
}
