import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { runCommandLine } from '@karta/cli';

/**
 * `npm start`: brings the system packages that the sandbox needs, then serves the support-bot
 * example. Further arguments go to `karta serve`, for example `npm start -- --port 8001`.
 */
function path(relative: string): string {
  return fileURLToPath(new URL(`../${relative}`, import.meta.url));
}

// Its exit code does not matter: a machine without the packages gets what it can do, and is told.
spawnSync('sh', [path('scripts/setup-system')], { stdio: ['ignore', 'inherit', 'inherit'] });

process.exitCode = await runCommandLine([
  'serve',
  path('examples/support-bot'),
  '--try',
  'When are you open?',
  ...process.argv.slice(2),
]);
