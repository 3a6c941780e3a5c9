export { collidingFolders } from './distinct-refs.ts';
export type { Upstreams } from './model-check.ts';
export { problemText } from './problem.ts';
export {
  type PublishProblems,
  type PublishRequest,
  type PublishResult,
  publishFolder,
} from './publish.ts';
