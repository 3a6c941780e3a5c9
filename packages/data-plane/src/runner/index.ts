export type { RunnerConfig, RunnerLog } from './config.ts';
export { createRunner } from './create-runner.ts';
export type {
  LiveHarness,
  ReleaseDescription,
  Runner,
  RunnerEvent,
  RunnerSession,
} from './port.ts';
