import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { addressSubject } from './address-subject.ts';
import { createAttempts } from './attempts.ts';
import { type IdentityGround, PASSWORD, startIdentity } from './testing/identity-ground.ts';

let ground: IdentityGround;
beforeAll(async () => {
  ground = await startIdentity({ config: { trusted_proxies: '127.0.0.1' } });
});
afterAll(() => ground?.close());

function tryPassword(email: string, password: string, from = '192.0.2.1') {
  return ground.call('POST', '/v1/auth/sign-in/email', {
    body: { email, password },
    headers: { 'x-forwarded-for': from },
  });
}

it('stops guesses at one account, from wherever they come and however many at once', async () => {
  const victim = await ground.signUp();
  const guesses = Array.from({ length: 15 }, (_, index) =>
    tryPassword(victim.email, `guess number ${index}`, `198.51.100.${index}`),
  );
  const statuses = (await Promise.all(guesses)).map(({ status }) => status);
  expect(statuses.filter((status) => status === 401)).toHaveLength(10);
  expect(statuses.filter((status) => status === 429)).toHaveLength(5);
  const late = await tryPassword(victim.email.toUpperCase(), PASSWORD, '198.51.100.99');
  expect(late.body.error).toBe('rate_limited');
  const wait = Number(late.headers.get('retry-after'));
  expect(wait).toBeGreaterThan(800);
  expect(wait).toBeLessThanOrEqual(900);
  const other = await ground.signUp();
  expect((await tryPassword(other.email, PASSWORD, '198.51.100.99')).status).toBe(200);
});

it('answers guesses at an unknown account the same', async () => {
  const answers = [];
  for (let index = 0; index < 11; index += 1) {
    answers.push(await tryPassword('nobody@example.com', 'x'.repeat(12), '203.0.113.7'));
  }
  expect(answers.map(({ status }) => status)).toEqual([...Array(10).fill(401), 429]);
  const known = await ground.signUp();
  const wrong = await tryPassword(known.email, 'wrong password', '203.0.113.8');
  expect({ ...wrong.body, request_id: '' }).toEqual({ ...answers[0]?.body, request_id: '' });
});

it('forgives an account once its password was right', async () => {
  const person = await ground.signUp();
  const counted = () => ground.database.database.selectFrom('attempts').selectAll().execute();
  const before = await counted();
  expect((await tryPassword(person.email, 'not it at all', '203.0.113.20')).status).toBe(401);
  expect(await counted()).toHaveLength(before.length + 2);
  expect((await tryPassword(person.email, PASSWORD, '203.0.113.20')).status).toBe(200);
  expect(await counted()).toHaveLength(before.length + 1);
});

it('counts durably within a window, and begins anew after it', async () => {
  const { database } = ground.database;
  const limit = { max: 2, windowMs: 60_000 };
  const before = createAttempts(database);
  await before.take('a', limit);
  await before.take('a', limit);
  const after = createAttempts(database);
  await expect(after.take('a', limit)).rejects.toMatchObject({ code: 'rate_limited' });
  await after.forgive('a', 'one');
  await after.forgive('a', 'one');
  await after.take('a', limit);
  const short = { max: 1, windowMs: -1 };
  for (let index = 0; index < 5; index += 1) await after.take('b', short);
  await after.sweep();
  const left = await database.selectFrom('attempts').selectAll().execute();
  expect(left.every(({ resets_at }) => resets_at.getTime() > Date.now())).toBe(true);
  expect(JSON.stringify(left)).not.toContain('@');
});

it('counts an IPv6 client by its network', () => {
  expect(addressSubject('2001:db8:1:2:3:4:5:6')).toBe('address:2001:db8:1:2::/64');
  expect(addressSubject('2001:db8:1:2::1')).toBe(addressSubject('2001:DB8:0001:2:ffff::'));
  expect(addressSubject('::1')).toBe('address:0:0:0:0::/64');
  expect(addressSubject('10.1.2.3')).toBe('address:10.1.2.3');
  fc.assert(
    fc.property(fc.ipV6(), (address) => {
      expect(addressSubject(address)).toMatch(/^address:([0-9a-f]+:){4}:\/64$/);
    }),
  );
});
