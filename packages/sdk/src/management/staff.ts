import type { DataPlaneAddress, MintedStaffToken, MintStaffTokenBody } from '@karta/protocol';
import type { Transport } from '../transport.ts';

/** A token is renewed this long before it ends, in ms: requests take time, and clocks differ. */
const RENEW_BEFORE_MS = 45_000;

/** How a signed-in person comes to the sessions of their org, which are on the data plane. */
export class Staff {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** A token of five minutes for the data plane. It stands in the org's audit log. */
  mint(body: MintStaffTokenBody = {}): Promise<MintedStaffToken> {
    return this.#transport.json({ method: 'POST', path: '/v1/staff_tokens', json: body });
  }

  /** Where sessions are; `null` while no data plane has told. */
  async dataPlane(): Promise<string | null> {
    const { url } = await this.#transport.json<DataPlaneAddress>({
      method: 'GET',
      path: '/v1/data_plane',
    });
    return url;
  }

  /**
   * A credential that is always fresh, for a client of the data plane:
   * `new Karta({ apiKey: account.staff.credential({ scope: 'write' }), baseUrl })`.
   */
  credential(body: MintStaffTokenBody = {}): () => Promise<string> {
    let current: Promise<MintedStaffToken> | null = null;
    let renewAt = 0;
    return async () => {
      if (current === null || Date.now() >= renewAt) {
        const minted = this.mint(body);
        current = minted;
        renewAt = Number.POSITIVE_INFINITY;
        minted.then(
          ({ expires_at }) => {
            renewAt = Date.parse(expires_at) - RENEW_BEFORE_MS;
          },
          () => {
            current = null;
          },
        );
      }
      return (await current).token;
    };
  }
}
