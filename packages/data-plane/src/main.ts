import { runService } from '@karta/service';
import { type DataPlaneReady, dataPlaneConfig } from './config.ts';
import { serveDataPlane } from './process/serve-data-plane.ts';

await runService({
  name: 'data-plane',
  configuration: dataPlaneConfig,
  async serve(config, log, broken) {
    const plane = await serveDataPlane(config, log, broken);
    const ready: DataPlaneReady = {
      ready: true,
      url: plane.url,
      internal_url: plane.internalUrl,
      isolation: plane.isolation,
    };
    return { ready, drain: () => plane.drain(), abandon: () => plane.abandon() };
  },
});
