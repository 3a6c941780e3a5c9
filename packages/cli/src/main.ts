import { keepCompiled } from './compile-cache.ts';
import { EXIT } from './exit-codes.ts';

if (Number(process.versions.node.split('.')[0]) < 24) {
  process.stderr.write('karta needs Node 24: start it with bin/karta.js, which brings its own.\n');
  process.exit(EXIT.broken.code);
}

// Started by the launcher: when that dies, nobody could stop this process by the pid they know.
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
process.channel?.unref();

// Before the program itself is loaded.
keepCompiled();
const { runCommandLine } = await import('./command-line.ts');
process.exitCode = await runCommandLine(process.argv.slice(2));
