export { collidingFolders, refOfFolder } from './distinct-refs.ts';
export type { Entry } from './entry.ts';
export { RELEASE_LIMITS } from './limits.ts';
export type { Upstreams } from './model-check.ts';
export { problemText } from './problem.ts';
export { type LeavesOut, walkFolder } from './walk.ts';
