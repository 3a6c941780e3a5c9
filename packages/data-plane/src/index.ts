export * from './control/index.ts';
export * from './releases/index.ts';
export * from './runner/index.ts';
