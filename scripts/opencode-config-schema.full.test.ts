import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { installedConfigSchema } from './opencode-config-schema.ts';

const COMMITTED = new URL(
  '../packages/harness/src/opencode/app/config-schema.json',
  import.meta.url,
);

// The two architectures have OpenCode in two versions; the schema is that of this one.
test.runIf(process.arch === 'x64')(
  'the schema of the configuration is what the installed OpenCode serves',
  { timeout: 120_000 },
  async () => {
    expect(await installedConfigSchema(), 'run npm run catalogue').toBe(
      readFileSync(COMMITTED, 'utf8'),
    );
  },
);
