import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Scenario } from '../scenario.ts';

const run = promisify(execFile);
const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url));
const MIB = 1024 * 1024;

/** A stranger's first minute: clone, install, start, paste the printed line, read the first word. */
export const firstMinute: Scenario = {
  name: 'first-minute',
  target: 'clean clone → first streamed word ≤ 60 s; npm install ≤ 40 s and ≤ 800 MB',
  async run() {
    const folder = await mkdtemp(join(tmpdir(), 'karta-first-'));
    const clone = join(folder, 'karta');
    const began = performance.now();
    await run('git', ['clone', '--quiet', CHECKOUT, clone]);
    const installing = performance.now();
    await run('npm', ['install', '--no-progress'], { cwd: clone, maxBuffer: 64 * MIB });
    const installed = (performance.now() - installing) / 1000;
    const { stdout } = await run('du', ['-sm', join(clone, 'node_modules')]);
    const size = Number(stdout.split('\t')[0]);
    const env = { ...process.env, KARTA_HOME: join(folder, 'home'), KARTA_PORT: '0' };
    const server = spawn('npm', ['start'], {
      cwd: clone,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let word: string;
    let all: number;
    try {
      word = await firstWord(await curlLine(server));
      all = (performance.now() - began) / 1000;
    } finally {
      await stop(server);
      await rm(folder, { recursive: true, force: true });
    }
    return {
      rows: [
        { figure: 'npm install', value: `${installed.toFixed(1)} s, ${size} MB` },
        { figure: `clean clone → first word ("${word}")`, value: `${all.toFixed(1)} s` },
      ],
      met: installed <= 40 && size <= 800 && all <= 60,
    };
  },
};

/** The line that the server prints for a person to paste. */
async function curlLine(server: ChildProcess): Promise<string> {
  if (server.stdout === null) throw new Error('npm start has no stdout');
  for await (const line of createInterface({ input: server.stdout })) {
    if (line.startsWith('curl ')) return line;
  }
  throw new Error('npm start ended without a curl line');
}

async function firstWord(line: string): Promise<string> {
  const curl = spawn('sh', ['-c', line], { stdio: ['ignore', 'pipe', 'ignore'] });
  for await (const text of createInterface({ input: curl.stdout })) {
    if (!text.startsWith('data: {"type":"text"')) continue;
    curl.kill();
    const event = JSON.parse(text.slice('data: '.length)) as { data: { part: { text: string } } };
    return event.data.part.text.trim();
  }
  throw new Error('the printed line gave no text');
}

/** By a signal to npm alone, which passes it on: the server ends what it has started. */
async function stop(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const ended = once(server, 'exit');
  server.kill('SIGTERM');
  await ended;
}
