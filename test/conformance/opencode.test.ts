import { createNoneDriver } from '@karta/sandbox';
import {
  harnessConformance,
  opencodeDialect,
} from '../../packages/harness/src/conformance/index.ts';
import { createOpenCode } from '../../packages/harness/src/opencode/index.ts';
import { localReader } from './local-reader.ts';
import { createKit } from './stand.ts';

/** A stall is noticed after this; in real use after two minutes. */
const MODEL_STALL_MS = 2_000;

const kit = await createKit({
  harness: createOpenCode({ modelStallMs: MODEL_STALL_MS }),
  dialect: opencodeDialect,
  driver: createNoneDriver,
  reader: localReader,
  protects: false,
});
harnessConformance('OpenCode without isolation', kit);
