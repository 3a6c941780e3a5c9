import { Sessions } from './sessions.ts';
import { Transport, type TransportOptions } from './transport.ts';

export interface KartaOptions extends Omit<TransportOptions, 'baseUrl'> {
  /** Where the server is. Default `http://localhost:8000`, where `karta serve` listens. */
  baseUrl?: string | undefined;
  /** Work within one project, by ref. A session token needs it; an API key may leave it out. */
  project?: string | undefined;
}

const LOCAL_SERVER = 'http://localhost:8000';

/**
 * A client for a Karta server.
 *
 * ```ts
 * const karta = new Karta({ apiKey: 'kt_live_…' });
 * const session = await karta.sessions.create();
 * console.log((await session.send('When are you open?')).text);
 * ```
 */
export class Karta {
  readonly sessions: Sessions;

  constructor(options: KartaOptions) {
    const transport = new Transport({ ...options, baseUrl: options.baseUrl ?? LOCAL_SERVER });
    const path =
      options.project === undefined
        ? '/v1/sessions'
        : `/v1/projects/${encodeURIComponent(options.project)}/sessions`;
    this.sessions = new Sessions(transport, path);
  }
}
