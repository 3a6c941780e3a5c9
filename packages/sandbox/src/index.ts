export * from './port.ts';
export * from './reader-port.ts';
