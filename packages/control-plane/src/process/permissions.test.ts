import { readFileSync } from 'node:fs';
import { newId, ROLES, type Role } from '@karta/protocol';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type BoundRoute, defineRoute, noContent } from '../http/route.ts';
import { type Action, PERMISSIONS } from '../identity/permissions.ts';
import type { Answer, SignedIn } from '../identity/testing/identity-ground.ts';
import { type PlaneGround, startPlane } from './testing/plane-ground.ts';

const ACTIONS = Object.keys(PERMISSIONS) as Action[];
/** Some hundred requests: on a busy machine longer than a light test may take. */
const EVERY_ROUTE = { timeout: 180_000 };
const SCOPES = ['read', 'write', 'admin'] as const;

/** The published matrix: what it says is what must happen, not what the code happens to say. */
const PUBLISHED = new Map(
  readFileSync(new URL('../../../../docs/permissions.md', import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => {
      const [, action = '', , ...cells] = line.split('|').map((cell) => cell.trim());
      const roles = ROLES.filter((_, index) => cells[index] === 'yes');
      const scope = cells[ROLES.length]?.replaceAll('`', '') ?? '';
      return [action.replaceAll('`', ''), { roles, scope }] as const;
    }),
);

/** One route for each action, so that those are tried too that no route needs by itself yet. */
const probes = ACTIONS.map((action) =>
  defineRoute({
    id: `probe-${action}`,
    summary: 'A probe',
    tag: 'probe',
    method: 'post',
    path: `/v1/probe/${action}`,
    access: action,
    answers: { 204: { description: 'Allowed' } },
    handle: async () => noContent(),
  }),
);

let plane: PlaneGround;
let org: string;
let people: Record<Role, SignedIn>;
let keys: Record<(typeof SCOPES)[number], string>;

beforeAll(async () => {
  plane = await startPlane(probes);
  org = await plane.org();
  const made = await Promise.all(ROLES.map(async (role) => [role, await plane.signUp()] as const));
  people = Object.fromEntries(made) as Record<Role, SignedIn>;
  const minted = SCOPES.map(async (scope) => [scope, await plane.key(org, scope)] as const);
  keys = Object.fromEntries(await Promise.all(minted)) as typeof keys;
  await restore();
});
afterAll(() => plane?.close());

/** Whatever a call that was allowed has changed. */
async function restore(): Promise<void> {
  for (const role of ROLES) await plane.setRole(org, people[role].id, role);
}

function routesOfActions(): { route: BoundRoute; action: Action }[] {
  return plane.routes.flatMap((route) => {
    const action = ACTIONS.find((one) => one === route.access);
    return action === undefined ? [] : [{ route, action }];
  });
}

function ask(route: BoundRoute, token: string | null, named?: string): Promise<Answer> {
  const { method, path } = route.operation;
  const asked = path.replace(/\{\w+\}/g, newId('key'));
  return plane.call(method.toUpperCase(), asked, {
    token,
    body: {},
    ...(named === undefined ? {} : { org: named }),
  });
}

/** Refused for the role or scope, and not for what the request says or names. */
function isRefused({ status, body }: Answer, action: Action): boolean {
  const own = String(body.detail ?? '').startsWith(`"${PERMISSIONS[action].summary}" needs`);
  return status === 403 && own;
}

it('is published whole', () => {
  expect([...PUBLISHED.keys()]).toEqual(ACTIONS);
});

it('holds on every route, for every role', EVERY_ROUTE, async () => {
  for (const { route, action } of routesOfActions()) {
    for (const role of ROLES) {
      const answer = await ask(route, people[role].token, org);
      const { id } = route.operation;
      expect({ id, role, refused: isRefused(answer, action) }).toEqual({
        id,
        role,
        refused: !PUBLISHED.get(action)?.roles.includes(role),
      });
      if (answer.status < 300 && route.operation.method !== 'get') await restore();
    }
  }
});

it('holds on every route, for every scope of API keys', EVERY_ROUTE, async () => {
  for (const { route, action } of routesOfActions()) {
    const scopes: readonly string[] = SCOPES;
    const needed = scopes.indexOf(PUBLISHED.get(action)?.scope ?? '');
    for (const [rank, scope] of SCOPES.entries()) {
      const refused = isRefused(await ask(route, keys[scope]), action);
      const { id } = route.operation;
      const expected = needed === -1 || rank < needed;
      expect({ id, scope, refused }).toEqual({ id, scope, refused: expected });
    }
  }
});

it('shows strangers nothing', EVERY_ROUTE, async () => {
  const stranger = await plane.signUp();
  await plane.setRole(await plane.org(), stranger.id, 'owner');
  for (const { route } of routesOfActions()) {
    expect((await ask(route, stranger.token, org)).status).toBe(404);
  }
});

it('needs a credential wherever it is not said to be open', EVERY_ROUTE, async () => {
  for (const route of plane.routes) {
    if (route.access === 'open') continue;
    for (const token of [null, 'kt_live_nonsense', 'nonsense']) {
      const { id } = route.operation;
      expect({ id, status: (await ask(route, token)).status }).toEqual({ id, status: 401 });
    }
  }
});

it('is open only where it must be', () => {
  const open = plane.routes.filter(({ access }) => access === 'open');
  expect(open.map(({ operation }) => `${operation.method} ${operation.path}`).sort()).toEqual([
    'get /v1/audit/keys',
    'get /v1/jwks.json',
    'post /v1/billing/stripe',
    'post /v1/embed/session_tokens',
    'post /v1/invitations/inspect',
  ]);
});
