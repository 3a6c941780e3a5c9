import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { requireFreePort } from './port-check.ts';
import type { ServeSettings } from './settings.ts';

/** The ports of a server's planes that each other, or browsers, must know before they start. */
export interface PlanePorts {
  control: number;
  controlInternal: number;
  operator: number;
  dataInternal: number;
}

/** What has a port that others connect to. */
type Public = 'data' | 'control' | 'operator';

/**
 * The ports that the settings name, and a free one wherever they take any; those of `parts` must be
 * free. Throws `CliError` for one that is taken. Somebody may take a free one in between; the start
 * then says so.
 */
export async function choosePorts(
  settings: ServeSettings,
  parts: readonly Public[] = ['data', 'control', 'operator'],
): Promise<PlanePorts> {
  const { host, port, controlPort, operatorPort, internalPort, controlInternalPort } = settings;
  if (parts.includes('data')) await requireFreePort(host, port, '--port');
  if (parts.includes('control')) await requireFreePort(host, controlPort, '--control-port');
  if (parts.includes('operator')) {
    await requireFreePort('127.0.0.1', operatorPort, '--operator-port');
  }
  const [control, controlInternal, operator, dataInternal] = await freePorts(4);
  return {
    control: controlPort || (control ?? 0),
    controlInternal: controlInternalPort || (controlInternal ?? 0),
    operator: operatorPort || (operator ?? 0),
    dataInternal: internalPort || (dataInternal ?? 0),
  };
}

/**
 * Ports that Linux gives nobody by itself: from 32,768 on it takes those of outgoing connections, one
 * of which could have the port by the time that its server starts.
 */
const UNASSIGNED = { first: 20_000, count: 12_000 };

/** As many different ports of loopback that nobody has at this moment. */
async function freePorts(count: number): Promise<number[]> {
  const servers: Server[] = [];
  // All are held until the last is known, so that none comes twice.
  while (servers.length < count) {
    const server = createServer();
    const port = UNASSIGNED.first + randomInt(UNASSIGNED.count);
    server.listen({ host: '127.0.0.1', port, exclusive: true });
    const free = await once(server, 'listening').then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EADDRINUSE') throw error;
        return false;
      },
    );
    if (free) servers.push(server);
  }
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  for (const server of servers) {
    server.close();
    await once(server, 'close');
  }
  return ports;
}
