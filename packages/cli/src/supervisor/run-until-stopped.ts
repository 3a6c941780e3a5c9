import { CliError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import type { Terminal } from '../output/terminal.ts';
import type { RunningServer } from './server.ts';
import { stopSignals } from './stop-signals.ts';

/**
 * Keeps a server until a signal or a failure, then stops it: the first signal drains, a second one
 * ends everything at once. Resolves with the exit code; throws `CliError` when the server failed.
 * `tell` says that the server serves: whoever hears it may send a signal at that moment.
 */
export async function runUntilStopped(
  server: Pick<RunningServer, 'failed' | 'stop' | 'kill'>,
  terminal: Pick<Terminal, 'note'>,
  tell: () => void = () => {},
): Promise<number> {
  using signals = stopSignals();
  tell();
  const failure = await Promise.race([server.failed, signals.first.then(() => null)]);
  if (failure !== null) {
    await server.stop();
    throw new CliError(
      'failed',
      `The server stopped: ${failure}`,
      'Its logs are in the "logs" folder of the home. Start it again; sessions go on.',
    );
  }
  terminal.note('Stopping: running turns may finish. Press Ctrl-C again to stop at once.');
  const forced = await Promise.race([
    server.stop().then(() => false),
    signals.second.then(() => true),
  ]);
  if (!forced) return EXIT.ok.code;
  await server.kill();
  return EXIT.interrupted.code;
}
