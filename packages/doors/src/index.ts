export { type DoorsConfig, type DoorsReady, doorsConfig, doorsReady } from './config.ts';
