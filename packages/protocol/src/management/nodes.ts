import { z } from 'zod';

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
