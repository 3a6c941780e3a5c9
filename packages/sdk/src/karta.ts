import { Audit } from './management/audit.ts';
import { Billing } from './management/billing.ts';
import { Budgets } from './management/budgets.ts';
import { Builds } from './management/builds.ts';
import { Env } from './management/env.ts';
import { Keys } from './management/keys.ts';
import { Members } from './management/members.ts';
import { Orgs } from './management/orgs.ts';
import { Prices } from './management/prices.ts';
import { Projects } from './management/projects.ts';
import { ProviderKeys } from './management/provider-keys.ts';
import { RateLimits } from './management/rate-limits.ts';
import { Releases } from './management/releases.ts';
import { SessionTokens } from './management/session-tokens.ts';
import { Staff } from './management/staff.ts';
import { UsageReports } from './management/usage.ts';
import { Webhooks } from './management/webhooks.ts';
import { Sessions } from './sessions.ts';
import { Transport, type TransportOptions } from './transport.ts';

export interface KartaOptions extends Omit<TransportOptions, 'baseUrl'> {
  /** Where the server is. Default `http://localhost:8000`, where `karta serve` listens. */
  baseUrl?: string | undefined;
  /** Where the control plane is. Default `http://localhost:8001`. */
  controlUrl?: string | undefined;
  /** Work within one project, by ref. A session token needs it; an API key may leave it out. */
  project?: string | undefined;
  /** The org to manage, by slug or id: for people in several. An API key belongs to one. */
  org?: string | undefined;
}

const LOCAL_SERVER = 'http://localhost:8000';
const LOCAL_CONTROL = 'http://localhost:8001';

/**
 * A client for a Karta server: sessions on its data plane, everything else on its control plane.
 *
 * ```ts
 * const karta = new Karta({ apiKey: 'kt_live_…' });
 * const session = await karta.sessions.create();
 * console.log((await session.send('When are you open?')).text);
 * ```
 */
export class Karta {
  readonly sessions: Sessions;
  readonly orgs: Orgs;
  readonly members: Members;
  readonly keys: Keys;
  readonly projects: Projects;
  readonly providerKeys: ProviderKeys;
  readonly releases: Releases;
  readonly builds: Builds;
  readonly env: Env;
  readonly sessionTokens: SessionTokens;
  readonly staff: Staff;
  readonly usage: UsageReports;
  readonly prices: Prices;
  readonly billing: Billing;
  readonly budgets: Budgets;
  readonly rateLimits: RateLimits;
  readonly webhooks: Webhooks;
  readonly audit: Audit;

  constructor(options: KartaOptions) {
    const { baseUrl = LOCAL_SERVER, controlUrl = LOCAL_CONTROL, project, org } = options;
    const data = new Transport({ ...options, baseUrl });
    const path =
      project === undefined
        ? '/v1/sessions'
        : `/v1/projects/${encodeURIComponent(project)}/sessions`;
    this.sessions = new Sessions(data, path);

    const control = new Transport({
      ...options,
      baseUrl: controlUrl,
      headers: { ...options.headers, ...(org === undefined ? {} : { 'karta-org': org }) },
    });
    this.orgs = new Orgs(control);
    this.members = new Members(control);
    this.keys = new Keys(control);
    this.projects = new Projects(control);
    this.providerKeys = new ProviderKeys(control);
    this.releases = new Releases(control);
    this.builds = new Builds(control);
    this.env = new Env(control);
    this.sessionTokens = new SessionTokens(control);
    this.staff = new Staff(control);
    this.usage = new UsageReports(control);
    this.prices = new Prices(control);
    this.billing = new Billing(control);
    this.budgets = new Budgets(control);
    this.rateLimits = new RateLimits(control);
    this.webhooks = new Webhooks(control);
    this.audit = new Audit(control);
  }
}
