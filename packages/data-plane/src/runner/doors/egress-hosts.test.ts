import type { NetworkTarget } from '@karta/protocol';
import { describe, expect, it } from 'vitest';
import { egressOrder, injectedSecrets, sandboxHosts } from './egress-hosts.ts';

const plain: NetworkTarget = { host: 'registry.npmjs.org', port: 443, inject: null };
const secret: NetworkTarget = {
  host: 'api.example.com',
  port: 443,
  inject: { header: 'authorization', secret: 'TOKEN', prefix: 'Bearer ' },
};

/** As the doors answer an order. */
const sockets = (order: ReturnType<typeof egressOrder>) =>
  order.map(({ host, port }, at) => ({ host, port, socket_path: `/run/${at}.sock` }));

describe('allowed hosts', () => {
  it('are told to the doors with what they add', () => {
    expect(injectedSecrets([plain, secret, secret])).toEqual(['TOKEN']);
    expect(egressOrder([plain, secret], { TOKEN: 'abc\n' })).toEqual([
      { host: 'registry.npmjs.org', port: 443, inject: null },
      {
        host: 'api.example.com',
        port: 443,
        inject: { header: 'authorization', value: 'Bearer abc' },
      },
    ]);
  });

  it('are not opened without the secret that one needs', () => {
    expect(() => egressOrder([secret], {})).toThrow('TOKEN, which api.example.com needs');
  });

  it('answer plain HTTP on its usual port where a header is added', () => {
    const order = egressOrder([plain, secret], { TOKEN: 'abc' });
    expect(sandboxHosts(order, sockets(order))).toEqual([
      { name: 'registry.npmjs.org', port: 443, socket: '/run/0.sock' },
      { name: 'api.example.com', port: 443, socket: '/run/1.sock' },
      { name: 'api.example.com', port: 80, socket: '/run/1.sock' },
    ]);
  });

  it('keep the usual port of HTTP for a host that is allowed there', () => {
    const order = egressOrder([secret, { ...secret, port: 80, inject: null }], { TOKEN: 'abc' });
    expect(sandboxHosts(order, sockets(order)).map(({ port }) => port)).toEqual([443, 80]);
    const two = egressOrder([secret, { ...secret, port: 8443 }], { TOKEN: 'abc' });
    expect(sandboxHosts(two, sockets(two)).map(({ port }) => port)).toEqual([443, 8443, 80]);
  });
});
