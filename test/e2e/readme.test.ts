import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commandBlocks } from './command-blocks.ts';
import {
  cleanEnvironment,
  example,
  ROOT,
  type ServedKarta,
  serveKarta,
  WITH_CLAUDE_CODE,
} from './karta-process.ts';

/**
 * Commands that this suite does not run where they stand: a clone and an installation are what
 * `.ci/run` begins with, `npm start` has a test of its own below, and `npm test` is this run.
 */
const ELSEWHERE = [
  /^git clone <url of this repository> karta && cd karta$/,
  /^npm install && npm start$/,
  /^npm test$/,
];

const documents = ['README.md', 'CONTRIBUTING.md', ...(await docs())];

async function docs(): Promise<string[]> {
  const names = await readdir(join(ROOT, 'docs'));
  return names.filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`);
}

/** A shell as a reader's would be: in the checkout, with a home folder that holds `~/.karta`. */
let home: string;
let server: ServedKarta;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'karta-readme-'));
  // Claude Code where it is installed: it starts sooner, and what a reader sees is the same.
  const options = { env: WITH_CLAUDE_CODE };
  server = await serveKarta(join(home, '.karta'), [example('support-bot')], options);
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

/** Runs commands with `localhost:8000` standing for the server of this suite. */
async function sh(commands: string, cwd: string): Promise<{ stdout: string; stderr: string }> {
  const script = commands.replaceAll('http://localhost:8000', server.url);
  const { PATH } = cleanEnvironment();
  return promisify(execFile)('sh', ['-eu', '-c', script], {
    cwd,
    env: { ...cleanEnvironment(), HOME: home, PATH: `${join(ROOT, 'node_modules/.bin')}:${PATH}` },
  });
}

describe.each(documents)('%s', (name) => {
  test('its commands work as they stand', async () => {
    const cwd = await mkdtemp(join(tmpdir(), 'karta-reader-'));
    // What a reader has in the checkout: the command by `npx`, and the examples.
    await writeFile(join(cwd, 'package.json'), '{}');
    await symlink(join(ROOT, 'node_modules'), join(cwd, 'node_modules'));
    await symlink(join(ROOT, 'examples'), join(cwd, 'examples'));
    try {
      const markdown = await readFile(join(ROOT, name), 'utf8');
      for (const { line, commands } of commandBlocks(markdown)) {
        const here = commands
          .split('\n')
          .filter((command) => !ELSEWHERE.some((known) => known.test(command)))
          .join('\n');
        if (here.trim() === '') continue;
        const result = await sh(here, cwd).catch((error: unknown) => error as { stderr: string });
        expect(result, `${name}:${line}\n${here}`).not.toBeInstanceOf(Error);
      }
    } finally {
      await rm(cwd, { recursive: true, force: true });
    }
  });
});

describe('README.md', () => {
  test('has at most 100 lines, and its answers are what it says', async () => {
    const markdown = await readFile(join(ROOT, 'README.md'), 'utf8');
    expect(markdown.split('\n').length).toBeLessThanOrEqual(100);
    const curl = commandBlocks(markdown).find(({ commands }) => commands.includes('curl -N'));
    expect((await sh(curl?.commands ?? 'false', ROOT)).stdout).toContain('Embers Out');
  });

  test('its TypeScript runs', async () => {
    const markdown = await readFile(join(ROOT, 'README.md'), 'utf8');
    const code = /```ts\n([\s\S]*?)```/.exec(markdown)?.[1] ?? '';
    const connected = code.replace('new Karta({', `new Karta({ baseUrl: '${server.url}',`);
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module-typescript', '-e', connected],
      { cwd: ROOT, env: cleanEnvironment({ KARTA_KEY: server.apiKey }) },
    );
    expect(stdout).toContain('sea salt');
  });
});

describe('npm start', () => {
  test('serves the support bot; the curl line it prints works as printed', async () => {
    const own = await mkdtemp(join(tmpdir(), 'karta-start-'));
    const child = spawn(process.execPath, [join(ROOT, 'scripts/start.ts')], {
      cwd: ROOT,
      env: cleanEnvironment({ KARTA_HOME: own, KARTA_PORT: '0' }),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let out = '';
    const exited = new Promise((resolve) => child.once('exit', resolve));
    try {
      await new Promise<void>((resolve, reject) => {
        child.stdout.on('data', (chunk) => {
          out += chunk;
          if (out.includes('Stop with')) resolve();
        });
        void exited.then((code) => reject(new Error(`npm start ended with ${code}: ${out}`)));
      });
      expect(out).toContain('demo model, embedded');
      expect(out).toMatch(/Key +kt_live_\w{32}/);
      const line = out.split('\n').find((text) => text.startsWith('curl ')) ?? 'false';
      const { stdout } = await promisify(execFile)('sh', ['-c', line]);
      expect(stdout).toContain('event: text');
      expect(stdout).toContain('Tuesday to Friday');
    } finally {
      child.kill('SIGINT');
      expect(await exited).toBe(0);
      await rm(own, { recursive: true, force: true });
    }
  });
});
