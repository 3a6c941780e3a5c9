import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { findBinary } from '../packages/harness/src/opencode/binary.ts';
import { catalogueIn } from './opencode-catalogue.ts';

interface Provider {
  id: string;
  models: Record<string, unknown>;
}

const CATALOGUE = new URL('../packages/harness/src/opencode/catalogue.json', import.meta.url);

// The two architectures have OpenCode in two versions; the catalogue is that of this one.
test.runIf(process.arch === 'x64')(
  'is what the installed OpenCode knows of the providers that a session can have',
  () => {
    const installation = findBinary();
    if (!installation.installed) throw new Error(installation.message);
    const committed = readFileSync(CATALOGUE, 'utf8');
    expect(committed, 'run npm run catalogue').toBe(catalogueIn(readFileSync(installation.binary)));
    for (const { id, models } of Object.values<Provider>(JSON.parse(committed))) {
      expect(Object.keys(models).length, id).toBeGreaterThan(5);
    }
  },
);

test('says so when the catalogue is not where it used to be', () => {
  expect(() => catalogueIn(Buffer.from('nothing like it'))).toThrow('elsewhere');
  const endless = 'OPENCODE_MODELS_PATH??x,p=n.sync(()=>({a:"}"';
  expect(() => catalogueIn(Buffer.from(endless))).toThrow('no end');
});
