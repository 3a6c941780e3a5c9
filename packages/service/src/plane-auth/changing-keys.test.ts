import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  bodyDigest,
  createServiceVerifier,
  mintServiceToken,
  newPlaneKey,
  nodeIdOf,
  openRotatingKey,
  openTrustedKeys,
  type PlanePrivateKey,
  publicHalf,
  readKeyOffer,
} from './index.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karta-keys-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const noFailure = (error: unknown) => {
  throw error;
};

/** The key that an offer names, if `present` has signed it. */
const offered = (offer: string, present: PlanePrivateKey, rotationId = 'r1') =>
  readKeyOffer(offer, {
    rotationId,
    of: async (kid) => (kid === present.kid ? publicHalf(present) : null),
  });

describe('what a plane signs with', () => {
  const path = () => join(folder, 'secrets', 'rotated.json');

  it('is the configured key until the one that it offered is to be used', async () => {
    const configured = newPlaneKey();
    const own = await openRotatingKey(path(), configured);
    const next = await offered(await own.offer('r1'), configured);
    expect(own.current().kid).toBe(configured.kid);
    expect(await own.use(newPlaneKey().kid)).toBe(false);
    expect(await own.use(next?.kid ?? '')).toBe(true);
    expect(publicHalf(own.current())).toEqual(next);
    // The next change is proven by the key of this one.
    const after = await own.offer('r2');
    expect(await offered(after, configured, 'r2')).toBeNull();
    expect(await offered(after, own.current(), 'r2')).not.toBeNull();
  });

  it('is on disk before it is told, for the owner alone; whoever asks again hears the same', async () => {
    const configured = newPlaneKey();
    const open = () => openRotatingKey(path(), configured);
    const own = await open();
    const [offer, same] = await Promise.all([own.offer('r1'), own.offer('r1')]);
    expect(same).toBe(offer);
    expect((await stat(path())).mode & 0o777).toBe(0o600);
    // The process dies; the next one goes on where it was.
    const next = await open();
    const again = await next.offer('r1');
    const kid = (await offered(again, configured))?.kid ?? '';
    expect(await next.use(kid)).toBe(true);
    const last = await open();
    expect(last.current().kid).toBe(kid);
    expect(await last.use(kid)).toBe(true);
    expect([again, await last.offer('r1')]).toEqual([offer, offer]);
  });

  it('is the configured key again when that is another one', async () => {
    const own = await openRotatingKey(path(), newPlaneKey());
    await own.use((await offered(await own.offer('r1'), own.current()))?.kid ?? '');
    const other = newPlaneKey();
    expect((await openRotatingKey(path(), other)).current()).toEqual(other);
  });

  it('is never guessed from a damaged file, which is named and not quoted', async () => {
    const configured = newPlaneKey();
    await (await openRotatingKey(path(), configured)).offer('r1');
    const text = await readFile(path(), 'utf8');
    await writeFile(path(), text.slice(0, -20));
    const error = await openRotatingKey(path(), configured).catch((caught) => caught);
    expect(error.message).toContain('rotated.json');
    for (const [, secret] of text.matchAll(/"d":"([^"]+)"/g)) {
      expect(error.message).not.toContain(secret);
    }
  });

  it.each([
    [
      'of another rotation',
      async (own: PlanePrivateKey, offer: string) => offered(offer, own, 'r2'),
    ],
    [
      'under another key',
      async (_: PlanePrivateKey, offer: string) => offered(offer, newPlaneKey()),
    ],
    [
      'that was changed',
      async (own: PlanePrivateKey, offer: string) => {
        const [head, , signature] = offer.split('.');
        const claims = { rotation_id: 'r1', key: publicHalf(newPlaneKey()) };
        const body = Buffer.from(JSON.stringify(claims)).toString('base64url');
        return offered(`${head}.${body}.${signature}`, own);
      },
    ],
    [
      'that is a service token',
      async (own: PlanePrivateKey) => {
        const request = { method: 'GET', path: '/', bodyDigest: bodyDigest() };
        return offered(await mintServiceToken(own, 'control', request), own);
      },
    ],
  ])('is not taken from an offer %s', async (_, read) => {
    const configured = newPlaneKey();
    const offer = await (await openRotatingKey(path(), configured)).offer('r1');
    expect(await offered(offer, configured)).not.toBeNull();
    expect(await read(configured, offer)).toBeNull();
  });
});

describe('what a data plane believes', () => {
  const path = () => join(folder, 'secrets', 'trusted.json');
  const request = { method: 'GET', path: '/v1/internal/x' };
  const tokenOf = (key: PlanePrivateKey) =>
    mintServiceToken(key, 'data', { ...request, bodyDigest: bodyDigest() });

  it('is the next key too once it is told, and the former for the overlap after it was used', async () => {
    let now = Date.now();
    const [former, next] = [newPlaneKey(), newPlaneKey()];
    const open = () => openTrustedKeys(path(), publicHalf(former), noFailure, () => now);
    const trusted = await open();
    const verifier = createServiceVerifier({ audience: 'data', peers: trusted });
    const by = async (key: PlanePrivateKey) =>
      'nodeId' in (await verifier.verify({ token: await tokenOf(key), ...request }));
    const captured = await tokenOf(former);
    expect(await by(next)).toBe(false);
    expect(await trusted.trust({ key: publicHalf(next), overlap_ms: 1_000 })).toBe(true);
    // Told is not used: the former key has no end yet, however long that takes.
    now += 60_000;
    expect(await by(former)).toBe(true);
    expect(await by(next)).toBe(true);
    now += 999;
    expect(await by(former)).toBe(true);
    now += 1;
    expect(await by(former)).toBe(false);
    expect(await verifier.verify({ token: captured, ...request })).toHaveProperty('refused');
    expect(await by(next)).toBe(true);
    // It is told again, by whoever did not hear the answer: nothing changes.
    expect(await trusted.trust({ key: publicHalf(next), overlap_ms: 1_000 })).toBe(true);
    expect((await open()).of(former.kid)).toBeNull();
    expect((await open()).of(next.kid)).not.toBeNull();
  });

  it('keeps its name: grants are bound to it', async () => {
    const [configured, next] = [newPlaneKey(), newPlaneKey()];
    const peers = {
      of: () => ({ key: publicHalf(next), node: publicHalf(configured), kind: 'plane' as const }),
    };
    const verifier = createServiceVerifier({ audience: 'data', peers });
    const found = await verifier.verify({ token: await tokenOf(next), ...request });
    expect(found).toMatchObject({ nodeId: nodeIdOf(configured.kid) });
  });

  it('is no key that goes by the name of another', async () => {
    const trusted = await openTrustedKeys(path(), publicHalf(newPlaneKey()), noFailure);
    const liar = { ...publicHalf(newPlaneKey()), kid: newPlaneKey().kid };
    expect(await trusted.trust({ key: liar, overlap_ms: 0 })).toBe(false);
    expect(trusted.of(liar.kid)).toBeNull();
  });
});
