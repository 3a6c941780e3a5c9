import { z } from 'zod';

const time = z.string();

/** Who signs requests between the planes: the control plane, a data plane, or its doors. */
export const planeKeyKind = z.enum(['control', 'node', 'doors']);

/** A key by which one plane knows another. */
export const planeKeyView = z.object({
  of: planeKeyKind,
  /** The data plane that it is of, or whose doors it is of; `null` for the control plane's. */
  node_id: z.string().nullable(),
  /** What is signed with. */
  kid: z.string(),
  /** Since when; `null` for the configured key. */
  since: time.nullable(),
  /** Former keys that count still, and until when. */
  former: z.array(z.object({ kid: z.string(), until: time })),
  /** When the change that is under way was asked for: a plane that it needs was not reached yet. */
  changing_since: time.nullable(),
});
export type PlaneKeyView = z.infer<typeof planeKeyView>;

/** `GET /v1/plane_keys` of the admin plane. */
export const planeKeyList = z.object({ plane_keys: z.array(planeKeyView) });

/** `POST /v1/plane_keys/rotate` of the admin plane. */
export const rotatePlaneKeysBody = z.strictObject({
  /** All of them, unless said. */
  of: planeKeyKind.optional(),
  /** Those of one data plane. */
  node_id: z.string().optional(),
  /** Whether the former keys count no more as soon as the new ones are used, in place of two minutes. */
  compromised: z.boolean().default(false),
});
