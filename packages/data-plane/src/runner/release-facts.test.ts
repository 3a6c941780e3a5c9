import { expect, test } from 'vitest';
import type { Release } from '../control/port.ts';
import type { ReleaseFacts } from './machine/machine-port.ts';
import { rememberedFacts } from './release-facts.ts';
import { releaseNamed } from './testing/stub-machine.ts';

function setUp(most?: number) {
  const asked: string[] = [];
  const failing = new Set<string>();
  const facts = rememberedFacts(async (release: Release) => {
    asked.push(release.id);
    if (failing.has(release.id)) throw new Error('the harness is missing');
    return { memoryBytes: asked.length } as ReleaseFacts;
  }, most);
  return { asked, failing, facts };
}

test('a release is described once, however many ask at the same time', async () => {
  const { asked, facts } = setUp();
  const release = releaseNamed('rel_1');
  const [first, second] = await Promise.all([facts(release), facts(release)]);
  expect(await facts({ ...release })).toBe(first);
  expect(second).toBe(first);
  expect(await facts(releaseNamed('rel_2'))).not.toBe(first);
  expect(asked).toEqual(['rel_1', 'rel_2']);
});

test('a failure is told to all who wait and asked for anew', async () => {
  const { asked, failing, facts } = setUp();
  const release = releaseNamed('rel_1');
  failing.add('rel_1');
  const both = await Promise.allSettled([facts(release), facts(release)]);
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  failing.clear();
  await expect(facts(release)).resolves.toMatchObject({ memoryBytes: 2 });
  expect(asked).toEqual(['rel_1', 'rel_1']);
});

test('the oldest is forgotten first', async () => {
  const { asked, facts } = setUp(2);
  for (const id of ['rel_1', 'rel_2', 'rel_3', 'rel_2', 'rel_3', 'rel_1']) {
    await facts(releaseNamed(id));
  }
  expect(asked).toEqual(['rel_1', 'rel_2', 'rel_3', 'rel_1']);
});
