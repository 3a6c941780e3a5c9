import { runService } from '@karta/service';
import { type ControlPlaneReady, controlPlaneConfig } from './config.ts';
import { serveControlPlane } from './process/serve-control-plane.ts';

await runService({
  name: 'control-plane',
  configuration: controlPlaneConfig,
  async serve(config, log) {
    const plane = await serveControlPlane(config, log);
    const ready: ControlPlaneReady = {
      ready: true,
      url: plane.url,
      internal_url: plane.internalUrl,
      operator_url: plane.operatorUrl,
    };
    return { ready, drain: () => plane.drain(), abandon: () => plane.drain() };
  },
});
