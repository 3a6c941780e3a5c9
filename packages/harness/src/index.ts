export { AppFolderError, appFolderOf, readAppFolder } from './app/index.ts';
export { type ClaudeCodeOptions, createClaudeCode } from './claude-code/index.ts';
export { createOpenCode, type OpenCodeOptions } from './opencode/index.ts';
export * from './port.ts';
export { createHarnesses } from './registry.ts';
