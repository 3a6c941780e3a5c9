import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { SandboxError } from '../../port.ts';
import type { Case } from '../case.ts';
import { PATH_ENV, run, type sh } from '../test-ground.ts';

/** A service of the host that says a word and sends back what it is sent. */
async function sayingService(path: string, word: string): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.write(word);
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => {
    server.listen({ path, readableAll: true, writableAll: true }, resolve);
  });
  return server;
}

function toHost(place: string): ReturnType<typeof sh> {
  return { argv: ['/usr/bin/socat', '-t5', '-', `TCP:${place}`], env: PATH_ENV };
}

export const hostCases: Case[] = [
  {
    name: 'a host is reached by its own name and port, and hosts of one port are kept apart',
    confinedOnly: true,
    async run({ create, ground }) {
      const sockets = ['one', 'two', 'three'].map((word) => join(ground.root, `${word}.sock`));
      const [one, two, three] = sockets as [string, string, string];
      const services = await Promise.all([
        sayingService(one, 'one:'),
        sayingService(two, 'two:'),
        sayingService(three, 'three:'),
      ]);
      try {
        const sandbox = await create({
          hosts: [
            { name: 'api.example.com', port: 443, socket: one },
            { name: 'git.example.com', port: 443, socket: two },
            { name: 'api.example.com', port: 80, socket: three },
          ],
        });
        const places = ['api.example.com:443', 'git.example.com:443', 'api.example.com:80'];
        const answers = await Promise.all(
          places.map((place) => run(sandbox, toHost(place), 'x'.repeat(100_000))),
        );
        assert.deepEqual(
          answers.map(({ stdout }) => stdout.replace(/x+$/, (all) => `${all.length}`)),
          ['one:100000', 'two:100000', 'three:100000'],
        );
      } finally {
        for (const service of services) service.close();
      }
    },
  },
  {
    name: 'nothing but the named hosts resolves, and a host answers on its ports only',
    confinedOnly: true,
    async run({ create, ground }) {
      const socket = join(ground.root, 'one.sock');
      const service = await sayingService(socket, 'reached');
      try {
        const sandbox = await create({ hosts: [{ name: 'api.example.com', port: 443, socket }] });
        assert.equal((await run(sandbox, toHost('api.example.com:443'))).stdout, 'reached');
        const others = ['example.com:443', 'www.api.example.com:443', 'api.example.com:80'];
        for (const place of others) {
          const { stdout, code } = await run(sandbox, toHost(place));
          assert.deepEqual([stdout, code === 0], ['', false], place);
        }
        const without = { ...toHost('api.example.com:443'), hosts: false };
        assert.notEqual((await run(sandbox, without)).code, 0, 'a process may go without hosts');
      } finally {
        service.close();
      }
    },
  },
  {
    name: 'a name that is an address or the own machine is no host',
    async run({ create, ground }) {
      const socket = join(ground.root, 'none.sock');
      const names = ['127.0.0.1', '0x7f000001', '1', 'localhost', 'karta', 'a b', 'x\n1.2.3.4 y'];
      for (const name of names) {
        await assert.rejects(
          create({ hosts: [{ name, port: 443, socket }] }),
          (error) => error instanceof SandboxError && error.code === 'invalid_spec',
          name,
        );
      }
    },
  },
];
