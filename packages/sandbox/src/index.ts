export { createNamespaceDriver, type NamespaceDriverOptions } from './bubblewrap/driver.ts';
export { type ChosenDriver, chooseDriver, type Rung, type WantedDriver } from './choose-driver.ts';
export * from './port.ts';
export { createNoneDriver, type NoneDriverOptions } from './process/driver.ts';
export { createReader } from './reader/reader.ts';
export * from './reader-port.ts';
