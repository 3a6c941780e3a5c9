import { errors, jwtVerify } from 'jose';
import { z } from 'zod';
import { verifyingKey } from './imported-keys.ts';
import { nodeIdOf, type PlanePublicKey } from './key-pair.ts';
import { SeenTokens } from './seen-tokens.ts';
import {
  CLOCK_SKEW_SECONDS,
  type PlaneName,
  SERVICE_TOKEN_SECONDS,
  SERVICE_TOKEN_TYPE,
} from './service-token.ts';

/** Who signs requests: a plane, or the doors of a data plane. Neither may do what the other may. */
export type PeerKind = 'plane' | 'doors';

/** The doors of a node: their key is their own, the node that they act as is their data plane's. */
export interface DoorsPeer {
  key: PlanePublicKey;
  /** The key of their data plane. */
  of: PlanePublicKey;
}

/** Who is behind a request, and the body that was signed for. */
export interface VerifiedCall {
  nodeId: string;
  kind: PeerKind;
  /** SHA-256 hex that the body must have, or `UNSIGNED-STREAM`. */
  bodyDigest: string;
}

export interface ServiceVerifier {
  /**
   * Who sends this request, or why it is not believed: a reason for the log, never for the sender.
   * A token is believed once.
   */
  verify(request: {
    token: string;
    method: string;
    path: string;
  }): Promise<VerifiedCall | { refused: string }>;
}

/** A key whose signatures count, and who signs with it. */
export interface KnownPeer {
  key: PlanePublicKey;
  /** The key that its node is configured with: whose id it acts under, whatever it signs with. */
  node: Pick<PlanePublicKey, 'kid'>;
  kind: PeerKind;
}

/** Whose signatures count. Asked at each request: keys change while a plane serves. */
export interface KnownPeers {
  of(kid: string): KnownPeer | null | Promise<KnownPeer | null>;
  /** A request that this key has signed was believed. */
  met?(kid: string): void;
}

/** Keys that stay the same: those of planes, and those of doors. */
export function fixedPeers(
  keys: readonly PlanePublicKey[],
  doors: readonly DoorsPeer[] = [],
): KnownPeers {
  const peers = new Map<string, KnownPeer>();
  for (const key of keys) peers.set(key.kid, { key, node: key, kind: 'plane' });
  // A key that is configured as both is a plane's: it then opens nothing of the doors.
  for (const { key, of } of doors) {
    if (!peers.has(key.kid)) peers.set(key.kid, { key, node: of, kind: 'doors' });
  }
  return { of: (kid) => peers.get(kid) ?? null };
}

const claims = z.object({
  htm: z.string(),
  htu: z.string(),
  body: z.string(),
  iat: z.int(),
  exp: z.int(),
  jti: z.string().min(16).max(64),
});

/** Verifies service tokens for `audience` that one of the `peers` has signed. */
export function createServiceVerifier(options: {
  audience: PlaneName;
  peers: KnownPeers;
  /** Milliseconds since the epoch; the machine's clock when absent. */
  now?: () => number;
}): ServiceVerifier {
  const { audience, peers, now = Date.now } = options;
  const seen = new SeenTokens(SERVICE_TOKEN_SECONDS + 2 * CLOCK_SKEW_SECONDS);
  return {
    async verify({ token, method, path }) {
      let found: KnownPeer | null = null;
      try {
        const { payload } = await jwtVerify(
          token,
          async ({ kid }) => {
            found = await peers.of(kid ?? '');
            if (found === null) throw new errors.JWKSNoMatchingKey();
            return verifyingKey(found.key);
          },
          {
            algorithms: ['EdDSA'],
            typ: SERVICE_TOKEN_TYPE,
            audience: `karta-${audience}`,
            clockTolerance: CLOCK_SKEW_SECONDS,
            currentDate: new Date(now()),
          },
        );
        const said = claims.parse(payload);
        const at = Math.floor(now() / 1000);
        if (said.iat > at + CLOCK_SKEW_SECONDS) return { refused: 'issued in the future' };
        if (said.exp - said.iat > SERVICE_TOKEN_SECONDS) return { refused: 'lives too long' };
        if (said.htm !== method || said.htu !== path) return { refused: 'for another request' };
        // The last check: a token that is refused for another reason is not used up.
        if (!seen.firstTime(said.jti, at)) {
          return { refused: 'used before' };
        }
        // TypeScript cannot see that the key was looked up meanwhile.
        const peer = found as KnownPeer | null;
        if (peer === null) return { refused: 'of no known key' };
        peers.met?.(peer.key.kid);
        return { nodeId: nodeIdOf(peer.node.kid), kind: peer.kind, bodyDigest: said.body };
      } catch (error) {
        return { refused: error instanceof errors.JOSEError ? error.code : 'malformed' };
      }
    },
  };
}
