/** A block is at most this share of what is left, divided by the nodes that hold blocks. */
export const LEFT_SHARE = 4n;

export interface BlockWish {
  /** Neither spent nor held by anybody; negative once a cap was lowered or overrun. */
  left: bigint;
  /** What one call needs at the least. */
  minimum: bigint;
  /** What the node asks for. */
  wanted: bigint;
  /** Nodes that hold blocks of this window, the one that asks with them. */
  nodes: bigint;
}

/**
 * The size of a node's next block, or `null` when what is left does not cover the minimum. Blocks
 * shrink with what is left, so that near a cap no node sits on much that another needs: together
 * they take at most a quarter of what was left when each asked, or one call's minimum each.
 */
export function blockSize({ left, minimum, wanted, nodes }: BlockWish): bigint | null {
  if (left < minimum) return null;
  const share = left / (LEFT_SHARE * nodes);
  return larger(minimum, wanted < share ? wanted : share);
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
