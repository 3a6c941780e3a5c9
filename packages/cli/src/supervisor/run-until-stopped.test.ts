import { expect, test, vi } from 'vitest';
import { CliError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import { runUntilStopped } from './run-until-stopped.ts';

const terminal = { note: () => {} };

function running(failed: Promise<string> = new Promise(() => {})) {
  return { failed, stop: vi.fn(async () => {}), kill: vi.fn(async () => {}) };
}

test('a signal sent the moment the server says that it serves drains it', async () => {
  const server = running();
  const code = await runUntilStopped(server, terminal, () => {
    expect(process.emit('SIGTERM', 'SIGTERM')).toBe(true);
  });
  expect(code).toBe(EXIT.ok.code);
  expect(server.stop).toHaveBeenCalledOnce();
  expect(server.kill).not.toHaveBeenCalled();
});

test('a server that fails is stopped, with the reason', async () => {
  const server = running(Promise.resolve('the doors ended'));
  await expect(runUntilStopped(server, terminal)).rejects.toThrow(CliError);
  await expect(runUntilStopped(server, terminal)).rejects.toThrow('the doors ended');
  expect(server.stop).toHaveBeenCalled();
});

test('it leaves no listener behind', async () => {
  const before = process.listenerCount('SIGTERM');
  await runUntilStopped(running(), terminal, () => void process.emit('SIGTERM', 'SIGTERM'));
  expect(process.listenerCount('SIGTERM')).toBe(before);
});
