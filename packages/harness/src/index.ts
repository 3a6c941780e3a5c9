export * from './port.ts';
export { createHarnesses } from './registry.ts';
