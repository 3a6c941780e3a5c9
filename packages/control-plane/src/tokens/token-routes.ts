import { setTimeout as delay } from 'node:timers/promises';
import {
  isId,
  KartaError,
  LIMITS,
  mintedSessionToken,
  mintSessionTokenBody,
} from '@karta/protocol';
import { z } from 'zod';
import { recordAudit } from '../audit/record.ts';
import { type BoundRoute, defineRoute, json, noContent } from '../http/route.ts';
import { deny } from '../keys/denials.ts';
import { findProject } from '../projects/find-project.ts';
import type { Database } from '../sql/database.ts';
import { signSessionToken } from './session-tokens.ts';
import type { TokenKeys } from './token-keys.ts';

export interface TokenRoutesParts {
  database: Database;
  tokenKeys: TokenKeys;
  /** Resolves when the nodes have heard that something changed, or after a moment. */
  changed(): Promise<void>;
}

const jwkSet = z.object({ keys: z.array(z.record(z.string(), z.unknown())) });

/** How long a denial outlives every token that it is about, in milliseconds. */
const DENIED_MS = LIMITS.sessionTokenMs + LIMITS.streamGraceMs;

/** Session tokens: mint, revoke, and the keys by which anybody can verify them. */
export function tokenRoutes({ database, tokenKeys, changed }: TokenRoutesParts): BoundRoute[] {
  return [
    defineRoute({
      id: 'mintSessionToken',
      summary: 'Mint a short-lived token for a browser or another end user of a project',
      tag: 'session tokens',
      method: 'post',
      path: '/v1/projects/{ref}/session_tokens',
      access: 'tokens.mint',
      body: mintSessionTokenBody,
      answers: {
        201: {
          description: 'The token; it is stored nowhere',
          content: { 'application/json': mintedSessionToken },
        },
      },
      async handle({ caller, body, param }) {
        const project = await findProject(database, caller.orgId, param('ref'));
        const minted = await signSessionToken(tokenKeys, {
          orgId: caller.orgId,
          project,
          scopes: body.scopes,
          sub: body.sub ?? null,
          sessionId: body.session_id ?? null,
          metadata: body.metadata ?? null,
          expiresIn: body.expires_in,
          mintedBy: caller.id,
          mode: caller.mode ?? 'live',
          origins: null,
        });
        return json(201, minted);
      },
    }),
    defineRoute({
      id: 'revokeSessionToken',
      summary: 'Revoke one session token by its id; its streams end',
      tag: 'session tokens',
      method: 'delete',
      path: '/v1/projects/{ref}/session_tokens/{token_id}',
      access: 'tokens.mint',
      answers: { 204: { description: 'Revoked, or unknown: nothing is stored of a token' } },
      async handle({ caller, param }) {
        const id = param('token_id');
        if (!isId('token', id)) throw new KartaError('not_found');
        await database.transaction().execute(async (tx) => {
          const project = await findProject(tx, caller.orgId, param('ref'));
          await deny(tx, { kind: 'jti', id, orgId: caller.orgId, forMs: DENIED_MS });
          await recordAudit(tx, {
            actor: caller,
            action: 'session_tokens.revoke',
            target: { kind: 'session_token', id },
            details: { ref: project.ref },
          });
        });
        await changed();
        return noContent();
      },
    }),
    defineRoute({
      id: 'revokeSessionTokens',
      summary: 'Revoke every session token of a project that was minted until now',
      tag: 'session tokens',
      method: 'delete',
      path: '/v1/projects/{ref}/session_tokens',
      access: 'tokens.mint',
      answers: { 204: { description: 'Revoked' } },
      async handle({ caller, param }) {
        await database.transaction().execute(async (tx) => {
          const { id, ref } = await findProject(tx, caller.orgId, param('ref'));
          await deny(tx, {
            kind: 'project_tokens',
            id,
            orgId: caller.orgId,
            issuedBeforeNow: true,
            forMs: DENIED_MS,
          });
          await recordAudit(tx, {
            actor: caller,
            action: 'session_tokens.revoke_all',
            target: { kind: 'project', id },
            details: { ref },
          });
        });
        await changed();
        // Times in tokens are whole seconds: what is minted after this answer must be good.
        await delay(1000 - (Date.now() % 1000));
        return noContent();
      },
    }),
    defineRoute({
      id: 'listTokenKeys',
      summary: 'Public keys of session tokens, as a JWK Set',
      tag: 'session tokens',
      method: 'get',
      path: '/v1/jwks.json',
      access: 'open',
      answers: { 200: { description: 'Keys', content: { 'application/json': jwkSet } } },
      handle: async () => json(200, await tokenKeys.publicSet()),
    }),
  ];
}
