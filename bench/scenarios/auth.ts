import type { SyncBody } from '@karta/protocol';
import { startKeys } from '../../packages/control-plane/src/keys/testing/keys-ground.ts';
import {
  createOrgGrants,
  remoteAuth,
  type TrustSource,
} from '../../packages/data-plane/src/control/remote/index.ts';
import { ms, type Scenario } from '../scenario.ts';
import { median, quantile } from '../statistics.ts';

const WARM_UP = 200;
const WARM_MS = 0.2;
const MISS_MS = 5;

/**
 * What authentication adds to a request on the data plane: a key that was met within five seconds,
 * a session token, and a key that the control plane must be asked about over its internal surface
 * with its real database. Both planes are in this process, so a miss pays for both.
 */
export const auth: Scenario = {
  name: 'auth',
  target: `warm key or token ≤ ${WARM_MS} ms median; a miss ≤ ${MISS_MS} ms median`,
  async run({ quick }) {
    const rounds = quick ? 500 : 5_000;
    const ground = await startKeys();
    try {
      const org = await ground.org();
      await ground.project(org, 'shop');
      const minted = await ground.call('POST', '/v1/projects/shop/session_tokens', {
        key: org.apiKey,
        body: { sub: 'ann' },
      });
      const { token } = (await minted.json()) as { token: string };
      const source = sourceOf(await ground.rooms.tokenKeys.publicSet());
      const fresh = () =>
        remoteAuth({ client: ground.node, source, grants: createOrgGrants(), staleMs: 0 });
      const warm = fresh();
      const key = await timed(rounds, () => warm.authenticate(org.apiKey));
      const jwt = await timed(rounds, () => warm.authenticate(token));
      // A validator that has met nobody must ask.
      const miss = await timed(Math.min(rounds, 1_000), () => fresh().authenticate(org.apiKey));
      return {
        rows: [
          { figure: `warm API key, median / p99 (n=${rounds})`, value: shown(key) },
          { figure: `session token, median / p99 (n=${rounds})`, value: shown(jwt) },
          { figure: 'API key that must be asked for, median / p99', value: shown(miss) },
        ],
        met: median(key) <= WARM_MS && median(jwt) <= WARM_MS && median(miss) <= MISS_MS,
      };
    } finally {
      await ground.close();
    }
  },
};

function sourceOf(tokenKeys: SyncBody['token_keys']): TrustSource {
  return { tokenKeys, denial: () => null, onChange: () => {} };
}

async function timed(rounds: number, work: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (let round = 0; round < WARM_UP + rounds; round += 1) {
    const began = performance.now();
    if ((await work()) === null) throw new Error('the credential is not good');
    if (round >= WARM_UP) times.push(performance.now() - began);
  }
  return times;
}

function shown(times: readonly number[]): string {
  const exact = (value: number) => (value < 1 ? `${value.toFixed(3)} ms` : ms(value));
  return `${exact(median(times))} / ${exact(quantile(times, 0.99))}`;
}
