import {
  type BoundInternalRoute,
  createServiceVerifier,
  fixedPeers,
  internalRouter,
  listenInternalSurface,
  loopbackSurface,
  newPlaneKey,
  type PlanePrivateKey,
  publicHalf,
} from '@karta/service/plane-auth';
import { pino } from 'pino';

/** The internal surface of a control plane that knows one node and its doors. */
export interface ControlSurface {
  url: string;
  /** What the node's data plane signs with. */
  dataKey: PlanePrivateKey;
  /** What its doors sign with. */
  doorsKey: PlanePrivateKey;
  close(): Promise<void>;
}

/** Serves a test's own routes over real signed HTTP. */
export async function serveControlSurface(
  routes: readonly BoundInternalRoute[],
): Promise<ControlSurface> {
  const [dataKey, doorsKey] = [newPlaneKey(), newPlaneKey()];
  const of = publicHalf(dataKey);
  const verifier = createServiceVerifier({
    audience: 'control',
    peers: fixedPeers([of], [{ key: publicHalf(doorsKey), of }]),
  });
  const log = pino({ level: 'silent' });
  const router = internalRouter({ routes, verifier, log });
  const surface = await listenInternalSurface(loopbackSurface(0), [router], log);
  return { url: surface.url, dataKey, doorsKey, close: () => surface.close(0) };
}
