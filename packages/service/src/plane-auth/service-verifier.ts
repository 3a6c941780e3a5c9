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

interface Peer {
  key: PlanePublicKey;
  /** Whose id it acts under. */
  node: PlanePublicKey;
  kind: PeerKind;
}

const claims = z.object({
  htm: z.string(),
  htu: z.string(),
  body: z.string(),
  iat: z.int(),
  exp: z.int(),
  jti: z.string().min(16).max(64),
});

/** Verifies service tokens for `audience` that one of `keys`, or of the doors, has signed. */
export function createServiceVerifier(options: {
  audience: PlaneName;
  /** Of planes. */
  keys: readonly PlanePublicKey[];
  doors?: readonly DoorsPeer[];
  /** Milliseconds since the epoch; the machine's clock when absent. */
  now?: () => number;
}): ServiceVerifier {
  const { audience, now = Date.now } = options;
  const peers = new Map<string, Peer>();
  for (const key of options.keys) peers.set(key.kid, { key, node: key, kind: 'plane' });
  // A key that is configured as both is a plane's: it then opens nothing of the doors.
  for (const { key, of } of options.doors ?? []) {
    if (!peers.has(key.kid)) peers.set(key.kid, { key, node: of, kind: 'doors' });
  }
  const seen = new SeenTokens(SERVICE_TOKEN_SECONDS + 2 * CLOCK_SKEW_SECONDS);
  return {
    async verify({ token, method, path }) {
      let found: Peer | undefined;
      try {
        const { payload } = await jwtVerify(
          token,
          ({ kid }) => {
            found = peers.get(kid ?? '');
            if (found === undefined) throw new errors.JWKSNoMatchingKey();
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
        if (found === undefined) return { refused: 'of no known key' };
        return { nodeId: nodeIdOf(found.node.kid), kind: found.kind, bodyDigest: said.body };
      } catch (error) {
        return { refused: error instanceof errors.JOSEError ? error.code : 'malformed' };
      }
    },
  };
}
