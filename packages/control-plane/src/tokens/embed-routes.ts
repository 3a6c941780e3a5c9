import {
  clientAddress,
  type IdempotencyStore,
  type RequestEnv,
  type TrustedProxies,
} from '@karta/http';
import {
  createdEmbedKey,
  createEmbedKeyBody,
  type EmbedMintAnswer,
  embedKeyList,
  embedMintAnswer,
  embedMintBody,
  KartaError,
  LIMITS,
  pageQuery,
} from '@karta/protocol';
import type { Context } from 'hono';
import type { Mount } from '../http/app.ts';
import { type BoundRoute, defineRoute, json, noContent } from '../http/route.ts';
import { shownOnce } from '../http/shown-once.ts';
import { addressSubject } from '../identity/address-subject.ts';
import type { Attempts } from '../identity/attempts.ts';
import type { EmbedKeys, FoundEmbedKey } from './embed-keys.ts';
import { signSessionToken } from './session-tokens.ts';
import type { TokenKeys } from './token-keys.ts';
import { isAnonymous, type Visitor, type Visitors } from './visitors.ts';

/** Tokens that one address may have minted through one embed key. */
const MINTS_OF_ADDRESS = { max: 30, windowMs: 60_000 };
/** Tokens that one embed key may mint. */
const MINTS_OF_KEY = { max: 3_000, windowMs: 60_000 };
const MINT_PATH = '/v1/embed/session_tokens';

export interface EmbedParts {
  embedKeys: EmbedKeys;
  visitors: Visitors;
  tokenKeys: TokenKeys;
  attempts: Attempts;
  idempotency: IdempotencyStore;
  trustedProxies: TrustedProxies;
}

/** Embed keys, and the minting that a web page does with one. */
export function embedRoutes(parts: EmbedParts): BoundRoute[] {
  const { embedKeys, idempotency } = parts;
  const path = '/v1/projects/{ref}/embed_keys';
  return [
    defineRoute({
      id: 'createEmbedKey',
      summary: 'Create a key for a web page; the answer alone holds its visitor secret',
      tag: 'embed keys',
      method: 'post',
      path,
      access: 'embed_keys.manage',
      body: createEmbedKeyBody,
      answers: {
        201: { description: 'The key', content: { 'application/json': createdEmbedKey } },
      },
      handle: (call) =>
        shownOnce(idempotency, call, `createEmbedKey ${call.param('ref')}`, (scope) =>
          embedKeys.create(call.caller, call.param('ref'), call.body, scope),
        ),
    }),
    defineRoute({
      id: 'listEmbedKeys',
      summary: 'Embed keys of a project, newest first',
      tag: 'embed keys',
      method: 'get',
      path,
      access: 'projects.read',
      query: pageQuery,
      answers: { 200: { description: 'Keys', content: { 'application/json': embedKeyList } } },
      async handle({ caller, query, param }) {
        const page = await embedKeys.list(caller.orgId, param('ref'), query);
        return json(200, { embed_keys: page.embedKeys, next_cursor: page.nextCursor });
      },
    }),
    defineRoute({
      id: 'revokeEmbedKey',
      summary: 'Revoke an embed key, and the tokens minted through it',
      tag: 'embed keys',
      method: 'delete',
      path: `${path}/{key_id}`,
      access: 'embed_keys.manage',
      answers: { 204: { description: 'Revoked' } },
      async handle({ caller, param }) {
        await embedKeys.revoke(caller, param('ref'), param('key_id'));
        return noContent();
      },
    }),
    defineRoute({
      id: 'mintEmbedToken',
      summary: 'Mint a session token for a visitor of a web page, from one of its origins',
      tag: 'embed keys',
      method: 'post',
      path: MINT_PATH,
      access: 'open',
      body: embedMintBody,
      answers: {
        201: { description: 'The token', content: { 'application/json': embedMintAnswer } },
      },
      handle: async ({ body, context }) => json(201, await mint(parts, body, context)),
    }),
  ];
}

async function mint(
  parts: EmbedParts,
  body: { embed_key: string; visitor?: string | undefined },
  context: Context<RequestEnv>,
): Promise<EmbedMintAnswer> {
  const key = await parts.embedKeys.find(body.embed_key);
  if (key === null) throw new KartaError('unauthenticated', 'There is no such embed key.');
  allowOrigin(key, context);
  await limitMints(parts, key, context);
  const visitor = await visitorOf(parts.visitors, key, body.visitor);
  const minted = await signSessionToken(parts.tokenKeys, {
    orgId: key.org_id,
    project: { id: key.project_id, ref: key.ref },
    scopes: key.scopes,
    sub: visitor.sub,
    sessionId: null,
    metadata: null,
    expiresIn: LIMITS.sessionTokenMs / 1000,
    mintedBy: key.id,
    mode: key.mode,
    origins: key.allowed_origins,
  });
  return { ...minted, sub: visitor.sub, project_ref: key.ref, visitor: visitor.token };
}

/** Only pages of the key's origins, and only they may read the answer. */
function allowOrigin(key: FoundEmbedKey, context: Context<RequestEnv>): void {
  const origin = context.req.header('origin');
  const { outgoing } = context.env;
  outgoing.setHeader('vary', 'Origin');
  if (origin === undefined || !key.allowed_origins.includes(origin)) {
    throw new KartaError(
      'forbidden',
      'This embed key is not for pages of this origin: its allowed_origins do not hold it exactly.',
    );
  }
  outgoing.setHeader('access-control-allow-origin', origin);
  outgoing.setHeader('access-control-expose-headers', 'x-request-id, retry-after');
}

async function limitMints(
  { attempts, trustedProxies }: EmbedParts,
  key: FoundEmbedKey,
  context: Context<RequestEnv>,
): Promise<void> {
  const socket = context.env.incoming.socket.remoteAddress;
  const address = clientAddress(socket, context.req.header('x-forwarded-for'), trustedProxies);
  await attempts.take(`mint:${key.id}:${addressSubject(address)}`, MINTS_OF_ADDRESS);
  await attempts.take(`mint:${key.id}`, MINTS_OF_KEY);
}

/** Whoever brings no token, or one that has run out, is somebody new. */
async function visitorOf(
  visitors: Visitors,
  key: FoundEmbedKey,
  token: string | undefined,
): Promise<Visitor> {
  const known = token === undefined ? null : await visitors.known(token, key);
  if (key.verified_only && known?.token !== null) {
    throw new KartaError(
      'forbidden',
      'This embed key needs a visitor that its builder signed for.',
    );
  }
  if (known === null && token !== undefined && !isAnonymous(token)) {
    // An anonymous visitor in place of a known one would lose who that is, and nobody would see it.
    throw new KartaError(
      'unauthenticated',
      'The visitor must be a JWT that is signed with the visitor_secret of this embed key (HS256), with "sub" and an "exp" at most five minutes ahead.',
    );
  }
  return known ?? visitors.anonymous(key.project_id);
}

/** Answers the preflight of minting. It tells a page nothing; the minting itself is held to origins. */
export function embedPreflight(): Mount {
  return {
    prefix: '/v1/embed',
    fetch: (request) =>
      request.method === 'OPTIONS'
        ? new Response(null, {
            status: 204,
            headers: {
              'access-control-allow-origin': '*',
              'access-control-allow-methods': 'POST',
              'access-control-allow-headers': 'content-type',
              'access-control-max-age': '600',
            },
          })
        : new Response(null, { status: 404 }),
  };
}
