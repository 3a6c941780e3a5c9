import { expect, test } from 'vitest';
import { chooseDriver } from './choose-driver.ts';
import { testGround } from './conformance/test-ground.ts';

test('the strongest rung that works is chosen, with what was found', async () => {
  const ground = await testGround();
  const { driver, rungs } = await chooseDriver('auto', ground);
  expect(driver.id).toBe('namespace');
  expect(rungs).toHaveLength(1);
  expect(rungs[0]?.support.usable).toBe(true);
  expect(rungs[0]?.support.notes.length).toBeGreaterThan(0);
  expect(await driver.volumes()).toEqual([]);
  expect((await chooseDriver('none', ground)).driver.id).toBe('none');
  await ground.remove();
});

test('the driver without isolation says so', async () => {
  const ground = await testGround();
  const { rungs } = await chooseDriver('none', ground);
  expect(rungs[0]?.support.problems.join()).toContain('nothing separates');
  await ground.remove();
});
