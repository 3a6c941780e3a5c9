import { hostLabel, longestRef, orgSlug, projectRef } from '@karta/protocol';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SignedIn } from '../identity/testing/identity-ground.ts';
import { type PlaneGround, startPlane } from '../process/testing/plane-ground.ts';
import { projectUrls } from './project-url.ts';

const word = fc.stringMatching(/^[a-z0-9]{1,5}(-[a-z0-9]{1,5}){0,3}$/);
const hex = fc.stringMatching(/^[0-9a-f]{8}$/);

describe('the label of a host', () => {
  it('is one label of a name, for a project and its previews, at any slug', () => {
    for (let length = 1; length <= 40; length += 1) {
      const slug = 'o'.repeat(length);
      const ref = 'r'.repeat(longestRef(slug));
      expect(orgSlug.safeParse(slug).success && projectRef.safeParse(ref).success).toBe(true);
      expect(hostLabel(`${ref}--01234567`, slug).length).toBeLessThanOrEqual(63);
    }
    expect(longestRef('acme')).toBe(40);
    expect(longestRef('o'.repeat(40))).toBe(12);
  });

  it("of a preview is never that of a project or of another project's preview", () => {
    fc.assert(
      fc.property(word, word, hex, word, word, (ref, slug, digits, otherRef, otherSlug) => {
        fc.pre(ref !== otherRef || slug !== otherSlug);
        const preview = hostLabel(`${ref}--${digits}`, slug);
        expect(preview).not.toBe(hostLabel(otherRef, otherSlug));
        expect(preview).not.toBe(hostLabel(`${otherRef}--${digits}`, otherSlug));
      }),
    );
  });
});

describe('the URL of a project', () => {
  it('is on its own host where the server has a domain', () => {
    const urlOf = projectUrls('karta.example', () => 'https://data.example');
    expect(urlOf('acme', 'shop')).toBe('https://shop-acme.karta.example/v1');
    const local = projectUrls('localhost', () => 'http://localhost:8123');
    expect(local('acme', 'shop')).toBe('http://shop-acme.localhost:8123/v1');
  });

  it('is below the data plane without one, and where the label would be too long', () => {
    const plain = projectUrls(null, () => 'http://localhost:8123');
    expect(plain('acme', 'shop')).toBe('http://localhost:8123/v1/projects/shop');
    expect(projectUrls(null, () => null)('acme', 'x')).toBe('http://localhost:8000/v1/projects/x');
    const long = projectUrls('karta.example', () => 'https://data.example');
    const ref = 'r'.repeat(40);
    expect(long('o'.repeat(40), ref)).toBe(`https://data.example/v1/projects/${ref}`);
  });
});

describe('a project', () => {
  let plane: PlaneGround;
  let person: SignedIn;
  beforeAll(async () => {
    plane = await startPlane();
    person = await plane.signUp();
  });
  afterAll(() => plane?.close());

  async function org(slug: string): Promise<string> {
    const body = { slug, name: 'An org' };
    const made = await plane.call('POST', '/v1/orgs', { token: person.token, body });
    expect(made.status, slug).toBe(201);
    return slug;
  }
  const create = (slug: string, ref: string) =>
    plane.call('POST', '/v1/projects', { token: person.token, org: slug, body: { ref } });

  it('has a ref that fits into its host, and is told how long it may be', async () => {
    const slug = await org('a-very-long-name-of-an-org-of-40-letters');
    expect(slug).toHaveLength(40);
    expect((await create(slug, 'r'.repeat(12))).status).toBe(201);
    const refused = await create(slug, 'r'.repeat(13));
    expect(refused.status).toBe(422);
    expect(refused.body).toMatchObject({
      error: 'validation_failed',
      detail: expect.stringContaining('at most 12 characters'),
      errors: [{ pointer: '/ref' }],
    });
    const publish = await plane.call('POST', `/v1/projects/${'r'.repeat(14)}/releases`, {
      ...{ token: person.token, org: slug },
      headers: { 'content-type': 'application/x-tar' },
    });
    expect(publish).toMatchObject({ status: 422, body: { errors: [{ pointer: '/ref' }] } });
  });

  it('has a host of its own: not the one of another org, whoever comes first', async () => {
    await org('c');
    await org('b-c');
    expect((await create('c', 'a-b')).status).toBe(201);
    const refused = await create('b-c', 'a');
    expect(refused).toMatchObject({ status: 422, body: { error: 'validation_failed' } });
    expect(refused.body.detail).toContain('"a-b-c", which is taken');
    expect((await create('b-c', 'other')).status).toBe(201);

    const gone = { token: person.token, org: 'c' };
    expect((await plane.call('DELETE', '/v1/projects/a-b', gone)).status).toBe(204);
    expect((await create('b-c', 'a')).status).toBe(201);
  });

  it('is added once of many at once that would share a host', async () => {
    await org('z');
    for (const slug of ['y-z', 'x-y-z', 'w-x-y-z']) await org(slug);
    const made = await Promise.all([
      create('z', 'v-w-x-y'),
      create('y-z', 'v-w-x'),
      create('x-y-z', 'v-w'),
      create('w-x-y-z', 'v'),
    ]);
    expect(made.map(({ status }) => status).sort()).toEqual([201, 422, 422, 422]);
  });
});
