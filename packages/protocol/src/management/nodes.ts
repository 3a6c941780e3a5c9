import { z } from 'zod';

/** A data plane, as the control plane knows its doors. */
export const nodeView = z.object({
  node_id: z.string(),
  /** Whether the configuration names it still. */
  configured: z.boolean(),
  /** The last start of its doors, `null` before the first. */
  doors_since: z.string().nullable(),
  /** Blocks of budgets that it has and has not told the end of. */
  blocks: z.int().nonnegative(),
  /** Until when it may spend of these by itself: it cannot be retired before. */
  spends_until: z.string().nullable(),
});
export type NodeView = z.infer<typeof nodeView>;

/** `GET /v1/nodes` of the admin plane. */
export const nodeList = z.object({ nodes: z.array(nodeView) });

/** `POST /v1/nodes/{node_id}/retire` of the admin plane. */
export const retireNodeBody = z.strictObject({
  /**
   * What becomes of the rest of its blocks of which it never told whether it was spent. `hold`: it
   * stays reserved until the node is back with its journal, or the window ends. `return`: it is free
   * for others at once, on the word of whoever says so that the node spent nothing more.
   */
  untold: z.enum(['hold', 'return']).default('hold'),
});

/** Its answer. */
export const retiredNode = z.strictObject({
  node_id: z.string(),
  /** Blocks of budgets that it still had. */
  blocks: z.int().nonnegative(),
});
export type RetiredNode = z.infer<typeof retiredNode>;
