import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { USAGE_PAGE } from '../../packages/doors/src/limits.ts';
import { managementClient } from '../../packages/doors/src/testing/management-client.ts';

/** How often it takes all that there is; the data plane does so twice a second. */
const FETCH_MS = 100;

/** Fetches and acknowledges usage until its standard input ends, whose first line says from where. */
const input = createInterface({ input: process.stdin }).on('close', () => process.exit(0));
const [line] = (await once(input, 'line')) as [string];
const { socket, token } = JSON.parse(line) as { socket: string; token: string };
const management = managementClient(socket, token);
for (;;) {
  const records = await management.usage();
  const last = records.at(-1);
  if (last !== undefined) await management.ackUsage(last.seq);
  if (records.length < USAGE_PAGE) await delay(FETCH_MS);
}
