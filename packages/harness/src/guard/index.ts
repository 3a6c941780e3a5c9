export { GuardError, type GuardErrorCode } from './guard-error.ts';
export {
  createGuardedFetch,
  type GuardedFetch,
  type GuardedFetchOptions,
} from './guarded-fetch.ts';
export { cleanHostileText, type HostileJson, parseHostileJson } from './hostile-json.ts';
export { readJsonLines } from './json-lines.ts';
export { FRAME_LIMITS, type FrameLimits } from './limits.ts';
export { splitLines } from './split-lines.ts';
