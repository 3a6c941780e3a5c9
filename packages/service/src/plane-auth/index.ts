export {
  type InternalHandler,
  type InternalSurface,
  internalSurface,
  listenInternalSurface,
  loopbackSurface,
} from './internal-listener.ts';
export {
  type BoundInternalRoute,
  type InternalCall,
  type InternalRoute,
  internalRoute,
} from './internal-route.ts';
export { type InternalRouterOptions, internalRouter } from './internal-router.ts';
export { type PlaneKeys, planeKeys } from './key-files.ts';
export {
  type KeyOffer,
  keyOffer,
  type NodeKeyKind,
  nodeKeyKind,
  offerKeyBody,
  readKeyOffer,
  type TrustKeyBody,
  trustKeyBody,
  usedKey,
  useKeyBody,
} from './key-offer.ts';
export {
  newPlaneKey,
  nodeIdOf,
  type PlanePrivateKey,
  type PlanePublicKey,
  planePrivateKey,
  planePublicKey,
  publicHalf,
} from './key-pair.ts';
export {
  GRANT_HEADER,
  isNotKnownThere,
  PLANE_PROTOCOL_HEADER,
  type PlaneClient,
  type PlaneClientOptions,
  type PlaneRequest,
  planeClient,
} from './plane-client.ts';
export { openRotatingKey, type RotatingKey } from './rotating-key.ts';
export {
  type BoundRequest,
  bodyDigest,
  CLOCK_SKEW_SECONDS,
  mintServiceToken,
  type PlaneName,
  SERVICE_TOKEN_SECONDS,
  UNSIGNED_STREAM,
} from './service-token.ts';
export {
  createServiceVerifier,
  type DoorsPeer,
  fixedPeers,
  type KnownPeer,
  type KnownPeers,
  type PeerKind,
  type ServiceVerifier,
} from './service-verifier.ts';
export { openTrustedKeys, type TrustedKeys } from './trusted-keys.ts';
