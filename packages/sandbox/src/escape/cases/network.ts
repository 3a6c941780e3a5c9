import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { Case } from '../../conformance/case.ts';
import { echoInside, reachable, roundTrip } from '../../conformance/cases/ports.ts';
import { echoService, run, sh } from '../../conformance/test-ground.ts';
import { connections, unconfined } from '../probe.ts';

function listen(options: { path: string } | { host: string; port: number }): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.end('reached');
    });
    server.once('error', reject);
    server.listen(options, () => resolve(server));
  });
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

export const networkCases: Case[] = [
  {
    name: 'ports of the host and of its network do not answer',
    confinedOnly: true,
    async run(setup) {
      const server = await listen({ host: '0.0.0.0', port: 0 });
      try {
        const port = portOf(server);
        const own = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
        const hosts = [
          '127.0.0.1',
          ...own.filter(({ family }) => family === 'IPv4').map(({ address }) => address),
        ];
        const targets = hosts.map((host) => ({ host, port }));
        const control = await unconfined(setup, (sandbox) => connections(sandbox, ...targets));
        assert.ok(
          control.every((answer) => answer === 'connected'),
          `control: ${control}`,
        );
        const answers = await connections(await setup.create(), ...targets);
        assert.ok(
          answers.length === targets.length && !answers.includes('connected'),
          `${answers}`,
        );
      } finally {
        server.close();
      }
    },
  },
  {
    name: 'there is no way to the metadata address or any other, only to what is offered',
    confinedOnly: true,
    async run({ create, ground }) {
      const socket = join(ground.root, 'echo.sock');
      const service = await echoService(socket);
      try {
        const sandbox = await create({ offers: [{ name: 'echo', socket }] });
        const answers = await connections(
          sandbox,
          { host: '127.0.0.1', port: sandbox.loopback('echo') },
          ...['169.254.169.254', '10.0.0.1', '192.168.0.1', '1.1.1.1'].map((host) => ({
            host,
            port: 80,
          })),
        );
        assert.equal(answers.shift(), 'connected', 'control: the offered port answers');
        assert.deepEqual(new Set(answers), new Set(['ENETUNREACH']));
        const interfaces = await run(
          sandbox,
          sh('tail -n +3 /proc/net/dev; tail -n +2 /proc/net/route'),
        );
        assert.match(interfaces.stdout, /^\s*lo:[^\n]*\n$/);
      } finally {
        service.close();
      }
    },
  },
  {
    name: "the platform's unix sockets, by path and by abstract name, do not answer",
    confinedOnly: true,
    async run(setup) {
      const path = join(setup.ground.runtimeDir, 'm.sock');
      const abstract = `\0karta-test-${process.pid}-${Date.now()}`;
      const servers = await Promise.all([listen({ path }), listen({ path: abstract })]);
      try {
        const targets = [{ path }, { path: abstract }];
        const control = await unconfined(setup, (sandbox) => connections(sandbox, ...targets));
        assert.deepEqual(control, ['connected', 'connected']);
        const sandbox = await setup.create();
        assert.deepEqual(await connections(sandbox, ...targets), ['ENOENT', 'ECONNREFUSED']);
        const sockets = await run(sandbox, sh('find / -type s 2>/dev/null'));
        assert.equal(sockets.stdout, '');
      } finally {
        for (const server of servers) server.close();
      }
    },
  },
  {
    name: 'whoever kills the forwarders harms its own process only',
    confinedOnly: true,
    async run({ create, ground }) {
      const socket = join(ground.root, 'echo.sock');
      const service = await echoService(socket);
      try {
        const sandbox = await create({ offers: [{ name: 'echo', socket }], listens: ['web'] });
        echoInside(sandbox, 'web');
        await reachable(sandbox, 'web');
        const target = { host: '127.0.0.1', port: sandbox.loopback('echo') };
        const script = `for p in /proc/[0-9]*; do case $(cat $p/comm) in socat|sh) [ \${p##*/} != $$ ] && kill -9 \${p##*/};; esac; done 2>/dev/null; for i in 1 2 3 4 5 6 7 8 9; do echo | socat - TCP:${target.host}:${target.port} || exit 0; sleep 0.1; done; echo alive`;
        assert.ok(!(await run(sandbox, sh(script))).stdout.includes('alive'), 'control: they died');
        assert.deepEqual(await connections(sandbox, target), ['connected']);
        assert.equal(await roundTrip(sandbox, 'web', 'still here\n'), 'still here\n');
      } finally {
        service.close();
      }
    },
  },
  {
    name: 'the sockets of dialling can be neither made, replaced nor flooded from inside',
    confinedOnly: true,
    async run({ create }) {
      const sandbox = await create({ listens: ['web'] });
      const flood = sandbox.spawn(
        sh(
          'while :; do for s in /run/karta/dial/*; do [ -S $s ] && echo junk | socat - UNIX-CONNECT:$s; done; done 2>/dev/null',
        ),
      );
      flood.stdout.resume();
      echoInside(sandbox, 'web');
      await reachable(sandbox, 'web');
      const spoil = 'touch /run/karta/dial/x || rm -rf /run/karta/dial || mv /run/karta /run/k';
      assert.notEqual((await run(sandbox, sh(spoil))).code, 0);
      // A squatter may take a connection, which is its own loss: the others still come through.
      const lines = [...Array(10).keys()].map((at) => `line ${at}\n`);
      const answers = await Promise.all(
        lines.map((line) => roundTrip(sandbox, 'web', line).catch(() => '')),
      );
      for (const [at, answer] of answers.entries())
        assert.ok([lines[at], 'junk\n', ''].includes(answer));
      flood.kill('SIGKILL');
      await flood.exited;
      assert.equal(await roundTrip(sandbox, 'web', 'after\n'), 'after\n');
    },
  },
];
