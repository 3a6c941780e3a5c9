export { ConfigurationError, readConfiguration } from './configuration.ts';
export { runService, type Service, type Serving } from './run-service.ts';
export { secretFile } from './secret-file.ts';
