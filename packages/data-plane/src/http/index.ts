export { createHttpApp, type HttpApp } from './app.ts';
export type { HarnessListing, HttpDeps } from './deps.ts';
export { listenInternal } from './internal-server.ts';
export { createMetrics, type EngineNumbers, type HttpMetrics } from './metrics.ts';
export { type HttpServer, listenHttp } from './server.ts';
