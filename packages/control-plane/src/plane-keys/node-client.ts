import {
  isNotKnownThere,
  type PlaneClient,
  type PlanePrivateKey,
  planeClient,
  publicHalf,
  usedKey,
} from '@karta/service/plane-auth';
import type { SigningKey } from './signing-key.ts';

/**
 * A client of one data plane. One that was configured after this control plane's key had changed
 * knows the configured key alone: it is told of the present one under that, once, and believes only
 * the present one from then on.
 */
export function nodeClient(options: {
  baseUrl: string;
  configured: PlanePrivateKey;
  signing: Pick<SigningKey, 'current'>;
  /** How long the configured key counts there after that, in milliseconds. */
  overlapMs: number;
}): PlaneClient {
  const { baseUrl, configured, signing, overlapMs } = options;
  const client = planeClient({ baseUrl, key: signing.current, audience: 'data' });
  const asConfigured = planeClient({ baseUrl, key: configured, audience: 'data' });

  async function introduced(): Promise<boolean> {
    if (signing.current().kid === configured.kid) return false;
    try {
      const json = { key: publicHalf(signing.current()), overlap_ms: overlapMs };
      const path = '/v1/internal/plane-keys/control';
      return (await asConfigured.call({ method: 'POST', path, json }, usedKey)) !== null;
    } catch {
      return false; // What the caller hears is why the call itself failed.
    }
  }

  async function known<T>(send: () => Promise<T>): Promise<T> {
    try {
      return await send();
    } catch (error) {
      if (!isNotKnownThere(error) || !(await introduced())) throw error;
      return send();
    }
  }

  return {
    call: (request, answer) => known(() => client.call(request, answer)),
    fetch: (request) => known(() => client.fetch(request)),
  };
}
