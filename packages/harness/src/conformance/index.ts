export { opencodeDialect } from './dialects.ts';
export {
  type BootOptions,
  type ConformanceKit,
  type Dialect,
  type Fixture,
  FREE,
  type Stand,
  TRAP_URL,
} from './kit.ts';
export { carried, type ScriptStep, type ScriptTool, scripted } from './script.ts';
export { harnessConformance, harnessSmoke } from './suite.ts';
export { say, Talk } from './talk.ts';
