export { type HttpServer, listenHttp } from '@karta/http';
export { createHttpApp, type HttpApp } from './app.ts';
export type { HarnessListing, HttpDeps } from './deps.ts';
export { listenInternal } from './internal-server.ts';
export { createMetrics, type HttpMetrics, type PlaneNumbers } from './metrics.ts';
export { type ProjectHosts, projectHosts } from './project-host.ts';
