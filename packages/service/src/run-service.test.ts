import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterEach, expect, it } from 'vitest';

const children: ReturnType<typeof start>['child'][] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** A real process whose service does what the configuration's `act` says. */
function start(config: unknown) {
  const source = `
    import { z } from 'zod';
    import { runService } from '@karta/service';
    const act = z.enum(['serve', 'throw', 'break', 'stuck']);
    await runService({
      name: 'example',
      configuration: z.strictObject({ act }),
      async serve({ act }, log, broken) {
        if (act === 'throw') throw new Error('it cannot');
        if (act === 'break') setImmediate(broken);
        const end = async (how) => {
          log.info(how);
          if (act === 'stuck') throw new Error('it does not end');
        };
        return { ready: { ready: true }, drain: () => end('drained'), abandon: () => end('left') };
      },
    });`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    cwd: import.meta.dirname,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const log: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => log.push(line));
  const lines = createInterface({ input: child.stdout });
  const ended = once(child, 'close').then(([code]) => code as number | null);
  child.stdin.write(`${JSON.stringify(config)}\n`);
  return { child, log, ended, ready: once(lines, 'line').then(([line]) => String(line)) };
}

function run(config: unknown) {
  const started = start(config);
  children.push(started.child);
  return started;
}

it('tells one line when it is ready, lets SIGINT pass and drains on SIGTERM', async () => {
  const { child, ready, ended, log } = run({ act: 'serve' });
  expect(JSON.parse(await ready)).toEqual({ ready: true });
  child.kill('SIGINT');
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
  expect(log.join('\n')).toContain('"drained"');
});

it('ends by itself when its parent closes its input', async () => {
  const { child, ready, ended, log } = run({ act: 'serve' });
  await ready;
  child.stdin.end();
  expect(await ended).toBe(0);
  expect(log.join('\n')).toContain('"left"');
});

it.each([
  ['a start that fails', { act: 'throw' }, 1, 'it cannot'],
  ['a configuration that cannot be used', { act: 'other' }, 2, '/act'],
  ['a service that breaks', { act: 'break' }, 1, 'serving'],
])('%s ends it, with a code that says so', async (_, config, code, said) => {
  const { ended, log, ready } = run(config);
  ready.catch(() => {});
  expect(await ended).toBe(code);
  expect(log.join('\n')).toContain(said);
});

it('a drain that fails is no good end', async () => {
  const { child, ready, ended, log } = run({ act: 'stuck' });
  await ready;
  child.kill('SIGTERM');
  expect(await ended).toBe(1);
  expect(log.join('\n')).toContain('the drain failed');
});
