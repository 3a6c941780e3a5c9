import { createReader, type Sandbox } from '@karta/sandbox';
import {
  harnessConformance,
  harnessSmoke,
  opencodeDialect,
} from '../../packages/harness/src/conformance/index.ts';
import { createOpenCode } from '../../packages/harness/src/opencode/index.ts';
import { createKit } from './stand.ts';
import { strongestRung, withoutIsolation } from './strongest-rung.ts';

/** A stall is noticed after this; in real use after two minutes. */
const MODEL_STALL_MS = 2_000;

const parts = {
  harness: createOpenCode({ modelStallMs: MODEL_STALL_MS }),
  dialect: opencodeDialect,
  reader: async (sandbox: Sandbox) => createReader(sandbox),
};
const rung = await strongestRung();
harnessConformance(
  `OpenCode, isolation: ${rung.isolation}`,
  await createKit({ ...parts, ...rung }),
);
if (rung !== withoutIsolation) {
  harnessSmoke('OpenCode, isolation: none', await createKit({ ...parts, ...withoutIsolation }));
}
