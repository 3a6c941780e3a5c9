import { modelFallback, NETWORK_TARGETS, type NetworkTarget } from '@karta/protocol';
import { z } from 'zod';
import { allowedTarget, plainTarget, sameTarget } from './network-targets.ts';

const text = z.string().min(1);
const MAX_TURN_S = 24 * 60 * 60;

function targets(entry: z.ZodType<NetworkTarget>) {
  return z
    .array(entry)
    .max(NETWORK_TARGETS, `at most ${NETWORK_TARGETS} hosts`)
    .refine(
      (all) => all.every((one, at) => all.findIndex((other) => sameTarget(one, other)) === at),
      'a host is named twice',
    );
}

/** A variable of the application: `[env] NAME = {…}`. */
export const envVariable = z.object({
  /** The publish fails when the variable has no value. */
  required: z.boolean().default(false),
  description: z.string().optional(),
  /** Never stored with the release, only looked up when a sandbox starts. */
  secret: z.boolean().default(false),
  /** A secret enters the sandbox only with this. */
  expose: z.boolean().default(false),
});

/** `karta.toml`: optional, and every key in it too. Keys that it lacks here are warned of. */
export const kartaTomlSchema = z.object({
  /** The project's name; its ref is made from it in place of the folder's name. */
  name: text.max(128).optional(),
  harness: z.object({ type: text.optional(), version: text.optional() }).optional(),
  model: z.object({ default: text.optional(), fallback: modelFallback.optional() }).optional(),
  env: z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'is not a variable name'), envVariable)
    .optional(),
  build: z.object({ setup: text.optional(), allow: targets(plainTarget).optional() }).optional(),
  sandbox: z
    .object({
      memory_mb: z.int().min(128).max(65_536).optional(),
      vcpus: z.number().min(0.1).max(64).optional(),
      disk_mb: z.int().min(16).max(1_048_576).optional(),
      max_turn_s: z.int().min(1).max(MAX_TURN_S).optional(),
    })
    .optional(),
  network: z
    .object({
      /** Hosts that sandboxes may reach. Default: nothing but the model. */
      allow: targets(allowedTarget).optional(),
      /** The model's provider may reach the network: hosted tools, addresses that it fetches. */
      provider_tools: z.boolean().optional(),
    })
    .optional(),
  cli: z
    .object({
      hidden_event_types: z.array(text).optional(),
      input_policy: z.enum(['ask', 'approve', 'deny']).optional(),
    })
    .optional(),
});
export type KartaToml = z.infer<typeof kartaTomlSchema>;
