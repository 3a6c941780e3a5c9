import { dataPlaneAddress, mintedStaffToken, mintStaffTokenBody } from '@karta/protocol';
import { type BoundRoute, defineRoute, json } from '../http/route.ts';
import type { Database } from '../sql/database.ts';
import { mintStaffToken } from './staff-tokens.ts';
import type { TokenKeys } from './token-keys.ts';

export interface StaffTokenRoutesParts {
  database: Database;
  tokenKeys: TokenKeys;
  /** Where clients reach the data plane, as one has told. */
  dataUrl(): string | null;
}

/** How an org's own people come to its sessions, which are on the data plane. */
export function staffTokenRoutes(parts: StaffTokenRoutesParts): BoundRoute[] {
  return [
    defineRoute({
      id: 'mintStaffToken',
      summary: 'Mint a token of five minutes to read conversations, and talk, by one’s role',
      tag: 'staff',
      method: 'post',
      path: '/v1/staff_tokens',
      access: 'sessions.read',
      body: mintStaffTokenBody,
      answers: {
        201: {
          description: 'The token; it is stored nowhere',
          content: { 'application/json': mintedStaffToken },
        },
      },
      handle: async ({ caller, body }) => json(201, await mintStaffToken(parts, caller, body)),
    }),
    defineRoute({
      id: 'getDataPlane',
      summary: 'Where sessions are',
      tag: 'staff',
      method: 'get',
      path: '/v1/data_plane',
      access: 'org.read',
      answers: {
        200: { description: 'Its address', content: { 'application/json': dataPlaneAddress } },
      },
      handle: async () => json(200, { url: parts.dataUrl() }),
    }),
  ];
}
