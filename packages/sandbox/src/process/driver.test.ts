import { expect, test } from 'vitest';
import { run, sh, testGround } from '../conformance/test-ground.ts';
import { createNoneDriver } from './driver.ts';

test('a command runs in a copy of the release, at the place that place() tells', async () => {
  const ground = await testGround();
  const sandbox = await createNoneDriver({ home: ground.home }).create(ground.spec());
  const outcome = await run(sandbox, sh('pwd; cat hello.txt; echo x > new.txt'));
  expect(outcome.stdout).toBe(`${sandbox.place('/workspace')}\nhello from the release\n`);
  await sandbox.dispose();
  await ground.remove();
});
