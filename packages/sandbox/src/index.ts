export * from './port.ts';
export { createNoneDriver, type NoneDriverOptions } from './process/driver.ts';
export * from './reader-port.ts';
