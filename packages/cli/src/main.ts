import { keepCompiled } from './compile-cache.ts';
import { EXIT } from './exit-codes.ts';

if (Number(process.versions.node.split('.')[0]) < 24) {
  process.stderr.write('karta needs Node 24: start it with bin/karta.js, which brings its own.\n');
  process.exit(EXIT.broken.code);
}

// Started by the launcher: when that dies, nobody could stop this process by the pid they know.
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
process.channel?.unref();

// As `head` does; a server goes on without its reader.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  if (process.argv[2] !== 'serve') process.exit(EXIT.unread.code);
});
// What nobody reads need not be said.
process.stderr.on('error', () => {});

// Before the program itself is loaded.
keepCompiled();
const { runCommandLine } = await import('./command-line.ts');
process.exitCode = await runCommandLine(process.argv.slice(2));
