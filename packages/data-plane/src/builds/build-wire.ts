import {
  buildProblem,
  NETWORK_TARGETS,
  networkTarget,
  releaseRecord,
  upstreamsAnswer,
} from '@karta/protocol';
import { z } from 'zod';

/** What the builder is told, as the first line of its input; the archive follows. */
export const builderRequest = z.strictObject({
  /**
   * `examine`: all there is to do; but where `[build] setup` may reach hosts, nothing after the line
   * `examined`. `setup`: the rest, over what the first left, where those hosts are reached.
   */
  step: z.enum(['examine', 'setup']),
  /** Where the application is put together, inside. */
  workspace: z.string(),
  /** Where the archive is unpacked first, inside. */
  incoming: z.string(),
  /** Which harnesses the server has: whether one is there is not seen from inside. */
  installations: z.record(
    z.string(),
    z.union([
      z.strictObject({ installed: z.literal(true), version: z.string() }),
      z.strictObject({ installed: z.literal(false), message: z.string() }),
    ]),
  ),
  upstreams: upstreamsAnswer.shape.upstreams,
  env: z.strictObject({ plain: z.record(z.string(), z.string()), secret: z.array(z.string()) }),
  fallback_name: z.string(),
  /** Why `[build] setup` may not run here; `null`: it may. */
  setup_refused: z.string().nullable(),
});
export type BuilderRequest = z.infer<typeof builderRequest>;

const shortText = z.string().max(10_000);
const name = z.string().max(512);

/** What is known of an application before any of its own code has run. */
export const examined = z.strictObject({
  kind: z.literal('examined'),
  content_digest: z.string().regex(/^[0-9a-f]{64}$/),
  name,
  harness: releaseRecord.shape.harness,
  config: releaseRecord.shape.config,
  declared_env: z
    .array(
      z.strictObject({ name, secret: z.boolean(), required: z.boolean(), expose: z.boolean() }),
    )
    .max(1000),
  agents: z.array(name).max(1000),
  skills: z.array(name).max(1000),
  warnings: z.array(buildProblem.extend({ message: shortText })).max(1000),
  /** Whether `[build] setup` follows. */
  setup: z.boolean(),
  /** What setup may reach. */
  build_allow: z.array(networkTarget).max(NETWORK_TARGETS),
});
export type Examined = z.infer<typeof examined>;

/** What the builder says, a line of JSON each; after `image` come the bytes of the image. */
export const builderLine = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('log'), text: shortText }),
  z.strictObject({
    kind: z.literal('failed'),
    problems: z.array(buildProblem.extend({ message: shortText })).max(1000),
  }),
  examined,
  z.strictObject({ kind: z.literal('image') }),
]);
export type BuilderLine = z.infer<typeof builderLine>;

/** The longest line that the builder may say, in bytes. */
export const MAX_BUILDER_LINE = 4 * 1024 * 1024;
