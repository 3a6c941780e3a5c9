import { expect, test } from 'vitest';
import { MAY_CHANGE_USER } from '../conformance/ordinary-user.ts';
import { alive, identify } from './process-identity.ts';
import { drawUser, lockUser } from './sandbox-user.ts';

test('users are drawn from the unused range', () => {
  for (let round = 0; round < 1000; round += 1) {
    const user = drawUser();
    expect(user).toBeGreaterThanOrEqual(0x70000000);
    expect(user).toBeLessThan(0x78000000);
  }
});

test.skipIf(!MAY_CHANGE_USER)('a user serves one live sandbox (needs root)', async () => {
  const user = drawUser();
  const unlock = await lockUser(user);
  await expect(lockUser(user)).rejects.toMatchObject({ code: 'busy' });
  await unlock();
  await (await lockUser(user))();
});

test('a process is known by its start time too', () => {
  const me = identify(process.pid);
  if (me === null) throw new Error('this process is alive');
  expect(alive(me)).toBe(true);
  expect(alive({ ...me, started: '1' })).toBe(false);
  expect(identify(2 ** 30)).toBeNull();
});
