import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { requireFreePort } from './port-check.ts';

test('a port in use is refused with a free one to choose', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const refusal = requireFreePort('127.0.0.1', port);
  await expect(refusal).rejects.toMatchObject({
    exit: 'busy',
    message: `Port ${port} on 127.0.0.1 is in use by another program`,
    next: expect.stringMatching(/karta serve --port \d+/),
  });
  server.close();
  await once(server, 'close');
  await requireFreePort('127.0.0.1', port);
});

test('any port is always free; an address of another machine is not ours', async () => {
  await requireFreePort('127.0.0.1', 0);
  await expect(requireFreePort('192.0.2.1', 8000)).rejects.toMatchObject({ exit: 'usage' });
});
