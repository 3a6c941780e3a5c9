/** Bounds on what a sandbox may send in one piece. All can be lowered per use. */
export interface FrameLimits {
  /** Bytes of one line, event or JSON body. */
  frameBytes: number;
  /** Nesting of JSON arrays and objects. */
  jsonDepth: number;
  /** Members and items of one JSON value in all; bounds what parsing allocates. */
  jsonMembers: number;
}

/**
 * 4 MB holds the largest tool result the harnesses produce several times over. The depth stays far
 * below what recursive walkers of a value can bear; 100,000 members cost some 20 MB as objects.
 */
export const FRAME_LIMITS: FrameLimits = {
  frameBytes: 4 * 1024 * 1024,
  jsonDepth: 128,
  jsonMembers: 100_000,
};
