export { AppFolderError, appFolderOf, MAX_TEXT_BYTES, readAppFolder } from './app-folder.ts';
export { type FrontMatter, readFrontMatter } from './front-matter.ts';
export { type JsonDocument, type JsonResult, readJson } from './json-document.ts';
export { mcpHostOf } from './mcp-host.ts';
export type { TextPosition } from './text-position.ts';
