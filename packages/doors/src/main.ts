import { runService } from '@karta/service';
import { type DoorsReady, doorsConfig } from './config.ts';
import { serveDoors } from './process/serve-doors.ts';

await runService({
  name: 'doors',
  configuration: doorsConfig,
  async serve(config, log) {
    const doors = await serveDoors(config, log);
    const ready: DoorsReady = { ready: true, metrics_port: doors.metricsPort };
    const upstreams = config.upstreams.map(({ id }) => id);
    log.info({ upstreams, uid: process.getuid?.() }, 'the upstreams are chosen');
    return { ready, drain: () => doors.drain(), abandon: () => doors.stop() };
  },
});
