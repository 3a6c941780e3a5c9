export * from './control/index.ts';
