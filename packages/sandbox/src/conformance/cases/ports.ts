import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { Sandbox } from '../../port.ts';
import { SandboxError } from '../../port.ts';
import type { Case } from '../case.ts';
import { echoService, eventually, PATH_ENV, run, sh } from '../test-ground.ts';

const refused = (error: unknown) => error instanceof SandboxError && error.code === 'refused';

/** A server inside that sends every byte back. */
export function echoInside(sandbox: Sandbox, name: string) {
  const listen = `TCP-LISTEN:${sandbox.loopback(name)},bind=127.0.0.1,fork,reuseaddr`;
  const child = sandbox.spawn({
    argv: ['/usr/bin/socat', listen, 'EXEC:/bin/cat'],
    env: PATH_ENV,
    listens: [name],
  });
  child.stdout.resume();
  child.stderr.resume();
  return child;
}

/** One line there and back. */
export async function roundTrip(sandbox: Sandbox, name: string, line: string): Promise<string> {
  const connection = await sandbox.dial(name);
  connection.write(line);
  for await (const chunk of connection) {
    connection.destroy();
    return String(chunk);
  }
  return '';
}

/** Dials until the server inside listens. */
export async function reachable(sandbox: Sandbox, name: string): Promise<void> {
  await eventually(() =>
    sandbox.dial(name).then(
      (connection) => {
        connection.destroy();
        return true;
      },
      (error) => {
        if (refused(error)) return false;
        throw error;
      },
    ),
  );
}

export const portCases: Case[] = [
  {
    name: 'an offered service of the host answers on its loopback port',
    async run({ create, ground }) {
      const socket = join(ground.root, 'echo.sock');
      const service = await echoService(socket);
      try {
        const sandbox = await create({ offers: [{ name: 'echo', socket }] });
        const address = `TCP:127.0.0.1:${sandbox.loopback('echo')}`;
        const command = { argv: ['/usr/bin/socat', '-t5', '-', address], env: PATH_ENV } as const;
        const outcomes = await Promise.all(
          ['one', 'two', 'three'].map((text) =>
            run(sandbox, { ...command, argv: [...command.argv] }, text),
          ),
        );
        assert.deepEqual(
          outcomes.map(({ stdout }) => stdout),
          ['one', 'two', 'three'],
        );
      } finally {
        service.close();
      }
    },
  },
  {
    name: 'many connections of one process are kept apart',
    async run({ create, ground }) {
      const socket = join(ground.root, 'echo.sock');
      const service = await echoService(socket);
      try {
        const sandbox = await create({ offers: [{ name: 'echo', socket }] });
        const port = sandbox.loopback('echo');
        const script = `for i in 1 2 3 4 5 6 7 8; do (echo $i | socat -t5 - TCP:127.0.0.1:${port}) & done; wait`;
        const { stdout } = await run(sandbox, sh(script));
        assert.deepEqual(stdout.trim().split('\n').sort(), [...'12345678']);
      } finally {
        service.close();
      }
    },
  },
  {
    name: 'a port that is served inside can be dialled, many times and at once',
    async run({ create }) {
      const sandbox = await create({ listens: ['web', 'other'] });
      echoInside(sandbox, 'web');
      await reachable(sandbox, 'web');
      const lines = [...Array(8).keys()].map((at) => `line ${at}\n`);
      const answers = await Promise.all(lines.map((line) => roundTrip(sandbox, 'web', line)));
      assert.deepEqual(answers, lines);
    },
  },
  {
    name: 'dialling is refused when nothing listens, and after the server has ended',
    async run({ create }) {
      const sandbox = await create({ listens: ['web', 'other'] });
      await assert.rejects(sandbox.dial('web'), refused);
      const server = echoInside(sandbox, 'web');
      await reachable(sandbox, 'web');
      await assert.rejects(sandbox.dial('other'), refused);
      server.kill('SIGKILL');
      await server.exited;
      await assert.rejects(sandbox.dial('web'), refused);
    },
  },
  {
    name: 'two sandboxes serve the same name without meeting',
    async run({ create }) {
      const [one, two] = await Promise.all([
        create({ listens: ['web'] }),
        create({ listens: ['web'] }),
      ]);
      echoInside(one, 'web');
      await reachable(one, 'web');
      await assert.rejects(two.dial('web'), refused);
    },
  },
];
