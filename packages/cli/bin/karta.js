#!/usr/bin/env node
// Plain JavaScript for any Node >= 18: finds the pinned runtime that npm installed and runs
// Karta with it, so that the machine's own Node does not matter.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The oldest Node that runs Karta's TypeScript without a build step. */
const MINIMUM_MAJOR = 24;
/** `EX_SOFTWARE` of the exit codes in src/exit-codes.ts: the installation itself is broken. */
const BROKEN_INSTALLATION = 70;

const main = join(dirname(fileURLToPath(import.meta.url)), '..', 'src', 'main.ts');
const runtime = pinnedRuntime() ?? ownRuntime();

if (runtime === undefined) {
  process.stderr.write(
    `karta: needs Node ${MINIMUM_MAJOR}; this is ${process.version} and the pinned runtime ` +
      `(npm package ${packageName()}) is not installed.\n` +
      'Run "npm install" again without --omit=optional, or use a newer Node.\n',
  );
  process.exit(BROKEN_INSTALLATION);
} else if (runtime === process.execPath) {
  await import(main);
} else if (typeof process.execve === 'function') {
  process.execve(runtime, [runtime, main, ...process.argv.slice(2)], process.env);
} else {
  runAsChild(runtime);
}

function packageName() {
  return `node-${process.platform}-${process.arch}`;
}

function pinnedRuntime() {
  try {
    const manifest = createRequire(import.meta.url).resolve(`${packageName()}/package.json`);
    const binary = join(dirname(manifest), 'bin', 'node');
    return existsSync(binary) ? binary : undefined;
  } catch {
    // Not installed: the caller says so when this Node cannot stand in.
    return undefined;
  }
}

function ownRuntime() {
  return Number(process.versions.node.split('.')[0]) >= MINIMUM_MAJOR
    ? process.execPath
    : undefined;
}

/** For a Node without `process.execve`: a child that shares the terminal, signals and exit code. */
function runAsChild(binary) {
  // The channel carries no messages: its end tells the child that this process is dead.
  const child = spawn(binary, [main, ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']) {
    process.on(signal, () => child.kill(signal));
  }
  child.on('error', (error) => {
    process.stderr.write(`karta: cannot start ${binary}: ${error.message}\n`);
    process.exit(BROKEN_INSTALLATION);
  });
  child.on('exit', (code, signal) => {
    process.exit(signal === null ? (code ?? 0) : 128 + constants.signals[signal]);
  });
}
