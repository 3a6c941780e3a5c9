import {
  type Denial,
  type KartaError,
  PLANE_PROTOCOL,
  SESSION_TOKEN_AUDIENCE,
  SESSION_TOKEN_ISSUER,
  SESSION_TOKEN_TYPE,
  STAFF_TOKEN_TYPE,
  type ValidatedCredential,
  validateCredentialBody,
} from '@karta/protocol';
import { mintApiKey } from '@karta/service/home';
import {
  createServiceVerifier,
  fixedPeers,
  internalRoute,
  internalRouter,
  listenInternalSurface,
  loopbackSurface,
  newPlaneKey,
  type PlanePrivateKey,
  planeClient,
  publicHalf,
} from '@karta/service/plane-auth';
import { importJWK, SignJWT, UnsecuredJWT } from 'jose';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createOrgGrants, remoteAuth, type TrustSource } from './index.ts';
import { createKeyValidator } from './key-validator.ts';
import { createTokenVerifier } from './token-verifier.ts';
import { Trust } from './trust.ts';

const log = pino({ level: 'silent' });
const nodeKey = newPlaneKey();

/** The internal surface of a control plane that knows these keys, on a real socket. */
async function startControl(port = 0) {
  const known = new Map<string, ValidatedCredential>();
  const asked: string[] = [];
  let gate: Promise<void> = Promise.resolve();
  let failure: KartaError | null = null;
  const route = internalRoute({
    method: 'POST',
    path: '/v1/internal/credentials/validate',
    body: validateCredentialBody,
    async handle({ body }) {
      asked.push(body.credential);
      await gate;
      if (failure !== null) throw failure;
      return known.get(body.credential) ?? null;
    },
  });
  const verifier = createServiceVerifier({
    audience: 'control',
    peers: fixedPeers([publicHalf(nodeKey)]),
  });
  const router = internalRouter({ routes: [route], verifier, log });
  const http = await listenInternalSurface(loopbackSurface(port), [router], log);
  return {
    asked,
    known,
    url: http.url,
    port: http.port,
    hold: (until: Promise<void>) => {
      gate = until;
    },
    fail: (error: KartaError | null) => {
      failure = error;
    },
    close: () => http.close(0),
  };
}

/** What a catalog is to credentials. */
class TestSource implements TrustSource {
  denials: Denial[] = [];
  tokenKeys: TrustSource['tokenKeys'] = { keys: [] };
  listeners: (() => void)[] = [];
  denial(kind: Denial['kind'], id: string): Denial | null {
    return this.denials.find((one) => one.kind === kind && one.id === id) ?? null;
  }
  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }
  deny(kind: Denial['kind'], id: string, issued_before: number | null = null): void {
    this.denials.push({ kind, id, issued_before, until: 4e9 });
    for (const listener of this.listeners) listener();
  }
}

let control: Awaited<ReturnType<typeof startControl>>;
let source: TestSource;
let clock: number;
beforeEach(async () => {
  control = await startControl();
  source = new TestSource();
  clock = 0;
});
afterEach(() => control.close());

const code = (expected: string) => expect.objectContaining({ code: expected });
const clientOf = () => planeClient({ baseUrl: control.url, key: nodeKey, audience: 'control' });

function keys(staleMs = 60_000) {
  const grants = createOrgGrants();
  const validator = createKeyValidator({
    client: clientOf(),
    trust: new Trust(source),
    grants,
    staleMs,
    now: () => clock,
  });
  return { validator, grants };
}

function makeKey(id = 'key_1', orgId = 'org_1'): string {
  const key = mintApiKey();
  control.known.set(key, {
    principal_id: id,
    org_id: orgId,
    mode: 'live',
    scopes: ['write'],
    org_grant: `grant of ${orgId}`,
  });
  return key;
}

describe('an API key', () => {
  it('is asked for once in five seconds, however many requests come', async () => {
    const key = makeKey();
    const { validator, grants } = keys();
    const all = await Promise.all(Array.from({ length: 20 }, () => validator.validate(key)));
    expect(new Set(all).size).toBe(1);
    expect(all[0]).toEqual({
      kind: 'api_key',
      id: 'key_1',
      orgId: 'org_1',
      scopes: ['write'],
      projectId: null,
      sub: null,
      mode: 'live',
      token: null,
    });
    expect(grants.of('org_1')).toBe('grant of org_1');
    expect(grants.of('org_2')).toBeNull();
    clock += 3_999;
    await validator.validate(key);
    expect(control.asked).toHaveLength(1);
    clock += 1_002;
    await validator.validate(key);
    expect(control.asked).toHaveLength(2);
  });

  it('that is in use is asked for ahead of time, and nobody waits', async () => {
    const key = makeKey();
    const { validator } = keys();
    await validator.validate(key);
    const gate = Promise.withResolvers<void>();
    control.hold(gate.promise);
    clock += 4_500;
    expect(await validator.validate(key)).not.toBeNull();
    await expect.poll(() => control.asked.length).toBe(2);
    expect(await validator.validate(key)).not.toBeNull();
    expect(control.asked).toHaveLength(2);
    control.known.clear();
    gate.resolve();
    await expect.poll(() => validator.validate(key)).toBeNull();
  });

  it('whose answer did not come ahead of time is waited for', async () => {
    const key = makeKey();
    const { validator } = keys();
    await validator.validate(key);
    const gate = Promise.withResolvers<void>();
    control.hold(gate.promise);
    clock += 4_500;
    await validator.validate(key);
    await expect.poll(() => control.asked.length).toBe(2);
    clock += 501;
    const late = validator.validate(key);
    gate.resolve();
    expect(await late).not.toBeNull();
    expect(control.asked).toHaveLength(2);
  });

  it('that is revoked is refused when it is asked for again, at once when that is pushed', async () => {
    const [asked, pushed] = [makeKey('key_a'), makeKey('key_p')];
    const { validator } = keys();
    for (const key of [asked, pushed]) expect(await validator.validate(key)).not.toBeNull();
    control.known.clear();
    source.deny('api_key', 'key_p');
    expect(await validator.validate(pushed)).toBeNull();
    expect(await validator.validate(asked)).not.toBeNull();
    clock += 5_000;
    expect(await validator.validate(asked)).toBeNull();
  });

  it('of a suspended org is told so', async () => {
    const key = makeKey();
    const { validator } = keys();
    await validator.validate(key);
    source.deny('org', 'org_1');
    await expect(validator.validate(key)).rejects.toThrow(code('org_suspended'));
  });

  it('that is unknown is 401 for a second, then asked for again: it may be new', async () => {
    const key = mintApiKey();
    const { validator } = keys();
    expect(await validator.validate(key)).toBeNull();
    expect(await validator.validate(key)).toBeNull();
    expect(control.asked).toHaveLength(1);
    clock += 1_000;
    control.known.set(key, {
      principal_id: 'key_new',
      org_id: 'org_1',
      mode: 'test',
      scopes: ['read'],
      org_grant: 'g',
    });
    expect(await validator.validate(key)).toMatchObject({ id: 'key_new', mode: 'test' });
  });
});

describe('without a control plane', () => {
  it('a key that was good is served stale for its time, then 503; new ones are 503 at once', async () => {
    const key = makeKey();
    const { validator } = keys(60_000);
    await validator.validate(key);
    await control.close();
    clock += 30_000;
    expect(await validator.validate(key)).not.toBeNull();
    await expect(validator.validate(mintApiKey())).rejects.toThrow(code('control_unavailable'));
    clock += 31_000;
    const failed = await validator.validate(key).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: 'control_unavailable', retryAfter: 5 });
  });

  it('nothing is served stale when that is switched off', async () => {
    const key = makeKey();
    const { validator } = keys(0);
    await validator.validate(key);
    await control.close();
    clock += 5_001;
    await expect(validator.validate(key)).rejects.toThrow(code('control_unavailable'));
  });

  it('a key that was seen revoked stays so, by an answer or by a push', async () => {
    const [told, pushed] = [makeKey('key_t'), makeKey('key_p')];
    const { validator } = keys();
    for (const key of [told, pushed]) await validator.validate(key);
    control.known.delete(told);
    clock += 5_000;
    expect(await validator.validate(told)).toBeNull();
    source.deny('api_key', 'key_p');
    await control.close();
    clock += 10_000;
    expect(await validator.validate(told)).toBeNull();
    expect(await validator.validate(pushed)).toBeNull();
  });

  it('it is tried once a second, and served from again when it is back', async () => {
    const key = makeKey();
    const { validator } = keys();
    await validator.validate(key);
    const { port, known } = control;
    await control.close();
    clock += 5_001;
    for (let n = 0; n < 10; n += 1) await validator.validate(key);
    control = await startControl(port);
    for (const [name, value] of known) control.known.set(name, value);
    await validator.validate(key);
    expect(control.asked).toHaveLength(0);
    clock += 1_001;
    await validator.validate(key);
    expect(control.asked).toHaveLength(1);
  });

  it('nor with one of another protocol', async () => {
    const key = makeKey();
    const client = planeClient({
      baseUrl: control.url,
      key: nodeKey,
      audience: 'control',
      protocol: PLANE_PROTOCOL + 1,
    });
    const trust = new Trust(source);
    const grants = createOrgGrants();
    const validator = createKeyValidator({ client, trust, grants, staleMs: 0 });
    const failed = await validator.validate(key).catch((error: unknown) => error);
    expect(failed).toEqual(code('control_unavailable'));
    expect(String(failed)).toMatch(new RegExp(`protocol ${PLANE_PROTOCOL + 1}.*${PLANE_PROTOCOL}`));
  });
});

describe('a session token', () => {
  const signer = newPlaneKey();
  const seconds = () => Math.floor(Date.now() / 1000);

  async function sign(
    claims: Record<string, unknown> = {},
    options: { header?: Record<string, unknown>; by?: PlanePrivateKey } = {},
  ): Promise<string> {
    const key = options.by ?? signer;
    return new SignJWT(claimsOf(claims))
      .setProtectedHeader({
        alg: 'EdDSA',
        typ: SESSION_TOKEN_TYPE,
        kid: key.kid,
        ...options.header,
      })
      .sign(await importJWK({ ...key }, 'EdDSA'));
  }

  function claimsOf(claims: Record<string, unknown>) {
    return {
      iss: SESSION_TOKEN_ISSUER,
      aud: SESSION_TOKEN_AUDIENCE,
      org_id: 'org_1',
      project_id: 'proj_1',
      project_slug: 'shop',
      scope: 'chat files unheard-of',
      minted_by: 'key_1',
      mode: 'live',
      iat: seconds(),
      exp: seconds() + 900,
      jti: 'tok_1',
      sub: 'ann',
      ...claims,
    };
  }

  function auth() {
    source.tokenKeys = { keys: [{ ...publicHalf(signer) }] };
    const grants = createOrgGrants();
    return { grants, ...remoteAuth({ client: clientOf(), source, grants, staleMs: 0 }) };
  }

  it('is verified here, with what it may do', async () => {
    const { authenticate } = auth();
    const principal = await authenticate(
      await sign({ metadata: { plan: 'gold' }, session_id: 'sess_1', origins: ['https://a.b'] }),
    );
    expect(principal).toMatchObject({
      kind: 'session_token',
      id: 'tok_1',
      orgId: 'org_1',
      projectId: 'proj_1',
      sub: 'ann',
      token: {
        scopes: ['chat', 'files'],
        sessionId: 'sess_1',
        metadata: { plan: 'gold' },
        origins: ['https://a.b'],
        mintedBy: 'key_1',
      },
    });
  });

  it('brings a grant for its org, and is good without one', async () => {
    const { authenticate, grants } = auth();
    const token = await sign();
    control.known.set(token, {
      principal_id: 'tok_1',
      org_id: 'org_1',
      mode: 'live',
      scopes: [],
      org_grant: 'grant by token',
    });
    await Promise.all(Array.from({ length: 5 }, () => authenticate(token)));
    expect(grants.of('org_1')).toBe('grant by token');
    await authenticate(token);
    expect(control.asked).toHaveLength(1);
    await control.close();
    expect(await authenticate(await sign({ org_id: 'org_2' }))).toMatchObject({ orgId: 'org_2' });
    expect(grants.of('org_2')).toBeNull();
  });

  it('is refused when anything of it is wrong', async () => {
    const { authenticate } = auth();
    const other = newPlaneKey();
    const refused: [string, string][] = [
      ['another key', await sign({}, { by: other })],
      [
        "another key under the right one's name",
        await sign({}, { by: other, header: { kid: signer.kid } }),
      ],
      ['another type', await sign({}, { header: { typ: 'karta-service+jwt' } })],
      ['no type', await sign({}, { header: { typ: undefined } })],
      ['another audience', await sign({ aud: 'karta-control' })],
      ['another issuer', await sign({ iss: 'somebody' })],
      ['from the future', await sign({ iat: seconds() + 300, exp: seconds() + 900 })],
      ['not yet', await sign({ nbf: seconds() + 300 })],
      ['without an end', await sign({ exp: undefined })],
      ['without a project', await sign({ project_id: undefined })],
      ['alg none', new UnsecuredJWT(claimsOf({})).encode()],
      ['cut', (await sign()).slice(0, -4)],
      ['no token', 'a.b.c'],
    ];
    for (const [why, token] of refused) expect(await authenticate(token), why).toBeNull();
    expect(await authenticate(await sign())).not.toBeNull();
  });

  it('that has expired is refused with the reason, if it was good at all', async () => {
    const { authenticate } = auth();
    const past = { iat: seconds() - 1000, exp: seconds() - 10 };
    await expect(authenticate(await sign(past))).rejects.toMatchObject({
      code: 'unauthenticated',
      message: expect.stringContaining('has expired'),
    });
    expect(await authenticate(await sign(past, { by: newPlaneKey() }))).toBeNull();
    expect(await authenticate(await sign({ ...past, aud: 'karta-control' }))).toBeNull();
  });

  it('that was met before is refused once it expires, or its key counts no more', async () => {
    source.tokenKeys = { keys: [{ ...publicHalf(signer) }] };
    const { verify } = createTokenVerifier(new Trust(source));
    const token = await sign();
    const now = Date.now();
    expect(await verify(token, now)).not.toBeNull();
    expect(await verify(token, now + 899_000)).not.toBeNull();
    await expect(verify(token, now + 902_000)).rejects.toMatchObject({ code: 'unauthenticated' });
    expect(await verify(token, now)).not.toBeNull();
    source.tokenKeys = { keys: [{ ...publicHalf(newPlaneKey()) }] };
    expect(await verify(token, now)).toBeNull();
  });

  it('is refused once it is revoked: by itself, its project, its minter, its org', async () => {
    const { authenticate, refuses, onRefusals } = auth();
    let told = 0;
    onRefusals(() => {
      told += 1;
    });
    const at = seconds();
    const tokens = {
      jti: await sign({ jti: 'tok_a' }),
      minter: await sign({ minted_by: 'key_9' }),
      old: await sign({ project_id: 'proj_9', iat: at - 10 }),
      fresh: await sign({ project_id: 'proj_9', iat: at }),
      org: await sign({ org_id: 'org_9' }),
      other: await sign(),
    };
    const principals = await Promise.all(Object.values(tokens).map(authenticate));
    source.deny('jti', 'tok_a');
    source.deny('api_key', 'key_9');
    source.deny('project_tokens', 'proj_9', at);
    source.deny('org', 'org_9');
    expect(told).toBe(4);
    expect(await authenticate(tokens.jti)).toBeNull();
    expect(await authenticate(tokens.minter)).toBeNull();
    expect(await authenticate(tokens.old)).toBeNull();
    expect(await authenticate(tokens.fresh)).not.toBeNull();
    expect(await authenticate(tokens.other)).not.toBeNull();
    await expect(authenticate(tokens.org)).rejects.toThrow(code('org_suspended'));
    const refused = principals.map((principal) => principal !== null && refuses(principal));
    expect(refused).toEqual([true, true, true, false, true, false]);
  });

  it('of staff is the person, with the scope of their role', async () => {
    const { authenticate, refuses } = auth();
    const staff = (claims: Record<string, unknown> = {}) =>
      sign(
        { scope: 'read', sub: 'per_1', jti: 'tok_s', ...claims },
        { header: { typ: STAFF_TOKEN_TYPE } },
      );
    const principal = await authenticate(await staff({ session_id: 'sess_1' }));
    expect(principal).toMatchObject({
      kind: 'staff',
      id: 'per_1',
      orgId: 'org_1',
      scopes: ['read'],
      projectId: null,
      token: null,
      staff: { tokenId: 'tok_s', sessionId: 'sess_1' },
    });
    // Neither kind passes for the other.
    expect(await authenticate(await staff({ scope: 'chat files' }))).toBeNull();
    expect(await authenticate(await staff({ sub: undefined }))).toBeNull();
    const at = seconds();
    source.deny('staff', 'org_1/per_1', at);
    expect(await authenticate(await staff({ iat: at - 1 }))).toBeNull();
    expect(await authenticate(await staff({ iat: at }))).not.toBeNull();
    expect(await authenticate(await staff({ iat: at - 1, sub: 'per_2' }))).not.toBeNull();
    source.deny('jti', 'tok_s');
    expect(principal !== null && refuses(principal)).toBe(true);
    source.deny('org', 'org_1');
    await expect(authenticate(await staff({ jti: 'tok_t' }))).rejects.toThrow(
      code('org_suspended'),
    );
  });
});
