import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { json, problem, scriptedServer } from '../../test/scripted-server.ts';
import { Karta } from '../karta.ts';

const MINUTE_MS = 60_000;

beforeEach(() => vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => vi.useRealTimers());

function client(controlUrl: string) {
  return new Karta({ apiKey: 'login', controlUrl, backoff: { firstMs: 1, maxMs: 2 } });
}

test('a credential is minted at its first use, kept, and renewed before it ends', async () => {
  let minted = 0;
  await using control = await scriptedServer((_, response) => {
    minted += 1;
    const expires_at = new Date(Date.now() + 5 * MINUTE_MS).toISOString();
    json(response, 201, { token: `staff-${minted}`, id: 'tok_1', expires_at, scope: 'write' });
  });
  await using data = await scriptedServer((_, response) =>
    json(response, 200, { sessions: [], next_cursor: null }),
  );
  const credential = client(control.url).staff.credential({ scope: 'write' });
  const karta = new Karta({ apiKey: credential, baseUrl: data.url });
  const page = () => karta.sessions.list().page();
  expect(control.seen).toHaveLength(0);
  await Promise.all([page(), page()]);
  await page();
  expect(control.seen.map(({ body }) => JSON.parse(body))).toEqual([{ scope: 'write' }]);
  vi.setSystemTime(Date.now() + 4.5 * MINUTE_MS);
  await page();
  const bearers = data.seen.map(({ headers }) => headers.authorization);
  expect(bearers).toEqual([...Array(3).fill('Bearer staff-1'), 'Bearer staff-2']);
});

test('one that could not be minted is tried again at the next use', async () => {
  let tries = 0;
  await using control = await scriptedServer((_, response) => {
    tries += 1;
    if (tries === 1) return problem(response, 403, 'forbidden');
    const expires_at = new Date(Date.now() + 5 * MINUTE_MS).toISOString();
    json(response, 201, { token: 'staff', id: 'tok_1', expires_at, scope: 'read' });
  });
  const credential = client(control.url).staff.credential();
  await expect(credential()).rejects.toMatchObject({ status: 403 });
  expect(await credential()).toBe('staff');
});
