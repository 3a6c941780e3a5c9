import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type TranscriptLine, transcriptSvg } from './transcript-svg.ts';

/**
 * Makes `docs/images/start.svg` from a real run: `npm start` on any port and a home of its own, then
 * two questions. The port, the home and the key are shown as a reader will have them.
 */
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const QUESTIONS = ['When are you open?', 'How much is shipping to Germany?'];

async function main(): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), 'karta-transcript-'));
  const env = { ...process.env, KARTA_HOME: home, KARTA_PORT: '0', NO_COLOR: '1' };
  const server = spawn(process.execPath, [join(ROOT, 'scripts/start.ts')], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = new Promise((resolve) => server.once('exit', resolve));
  try {
    const printed = await new Promise<string>((resolve, reject) => {
      let out = '';
      server.stdout.on('data', (chunk) => {
        out += chunk;
        if (out.includes('Stop with')) resolve(out);
      });
      void exited.then((code) => reject(new Error(`npm start ended with ${code}`)));
    });
    const url = /http:\/\/localhost:\d+/.exec(printed)?.[0] ?? '';
    const forReaders = (text: string) =>
      text
        .replaceAll(url, 'http://localhost:8000')
        .replaceAll(home, '~/.karta')
        .replaceAll(/kt_live_(\w{4})\w+/g, 'kt_live_$1…');
    const lines: TranscriptLine[] = [{ text: '$ npm start', kind: 'command' }];
    for (const line of forReaders(printed).trim().split('\n')) {
      if (line.trim() !== '') lines.push({ text: line, kind: 'output' });
    }
    for (const question of QUESTIONS) {
      lines.push({ text: '', kind: 'note' });
      lines.push({ text: `$ npx karta run "${question}"`, kind: 'command' });
      const launcher = join(ROOT, 'packages/cli/bin/karta.js');
      const args = [launcher, 'run', question];
      const { stdout } = await promisify(execFile)(process.execPath, args, { env });
      for (const line of stdout.trim().split('\n')) lines.push({ text: line, kind: 'output' });
    }
    const svg = transcriptSvg(lines, 'npm start serves a shop assistant; karta run asks it');
    await writeFile(join(ROOT, 'docs/images/start.svg'), svg);
  } finally {
    server.kill('SIGTERM');
    await exited;
    await rm(home, { recursive: true, force: true });
  }
}

await main();
