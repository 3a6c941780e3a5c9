import {
  KartaError,
  type OrgSpendRules,
  type ProviderKeyAnswer,
  registerDoorsBody,
} from '@karta/protocol';
import { BUILT_IN_PRICE_BOOK } from '@karta/protocol/built-in-prices';
import { internalRoute } from '@karta/service/plane-auth';
import { z } from 'zod';
import type { DoorsSettings } from '../config.ts';
import { serveControlSurface } from './control-surface.ts';

/** What a test says of an org. */
export interface PaperOrg {
  rules: OrgSpendRules;
  keys: ProviderKeyAnswer[];
}

/** The control plane's side of the doors' link, over real signed HTTP, with a test's own answers. */
export interface PaperPlane {
  /** What the doors are configured with. */
  control: NonNullable<DoorsSettings['control']>;
  /** By id; a grant of an org is `grant of <id>`. */
  orgs: Map<string, PaperOrg>;
  /** Provider keys that were asked for, as `<org> <provider>`. */
  asked: string[];
  /** Answers nothing from now on, or again. */
  away: boolean;
  close(): Promise<void>;
}

/** An org without caps whose calls go out under these keys. */
export function paperOrg(
  keys: readonly ProviderKeyAnswer[],
  rules: Partial<OrgSpendRules> = {},
): PaperOrg {
  return {
    keys: [...keys],
    rules: {
      capped: false,
      unknown_model: 'count',
      own_keys: keys.map(({ provider }) => provider),
      platform_fallback: false,
      price_version: BUILT_IN_PRICE_BOOK.version,
      ...rules,
    },
  };
}

export async function startPaperPlane(): Promise<PaperPlane> {
  const orgOf = (orgId: string, grant: string | null) => {
    if (plane.away) throw new KartaError('control_unavailable');
    return grant === `grant of ${orgId}` ? (plane.orgs.get(orgId) ?? null) : null;
  };
  const routes = [
    internalRoute({
      method: 'POST',
      path: '/v1/internal/doors/register',
      peer: 'doors',
      body: registerDoorsBody,
      handle: async ({ body }) => body,
    }),
    internalRoute({
      method: 'POST',
      path: '/v1/internal/doors/org',
      peer: 'doors',
      body: z.object({ org_id: z.string() }),
      handle: async ({ body, grant }) => orgOf(body.org_id, grant)?.rules ?? null,
    }),
    internalRoute({
      method: 'POST',
      path: '/v1/internal/doors/provider-keys',
      peer: 'doors',
      body: z.object({ org_id: z.string(), provider: z.string() }),
      async handle({ body, grant }) {
        plane.asked.push(`${body.org_id} ${body.provider}`);
        const org = orgOf(body.org_id, grant);
        return org?.keys.find(({ provider }) => provider === body.provider) ?? null;
      },
    }),
  ];
  const surface = await serveControlSurface(routes);
  const plane: PaperPlane = {
    control: { internal_url: surface.url, key: surface.doorsKey },
    orgs: new Map(),
    asked: [],
    away: false,
    close: () => surface.close(),
  };
  return plane;
}
