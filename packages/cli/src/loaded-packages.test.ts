import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

/** Prints, once the modules that its arguments name are loaded, which packages their files are of. */
const PROGRAM = `
import { registerHooks } from 'node:module';
const packages = new Set();
registerHooks({
  load(url, context, next) {
    const [, name] = /\\/(?:node_modules|packages)\\/((?:@[^/]+\\/)?[^/]+)\\/(?!.*\\/node_modules\\/)/.exec(url) ?? [];
    if (name !== undefined) packages.add(name);
    return next(url, context);
  },
});
for (const module of process.argv.slice(1)) await import(module);
console.log(JSON.stringify([...packages]));
`;

async function packagesOf(...modules: string[]): Promise<string[]> {
  const urls = modules.map((module) => new URL(module, import.meta.url).href);
  const args = ['--input-type=module', '-e', PROGRAM, ...urls];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout) as string[];
}

/** What runs a server, and what is large. */
const OF_SERVERS = ['kysely', 'pg', 'jose', 'yaml', 'postgres', 'harness', 'sandbox', 'doors'];
const OF_PLANES = ['kysely', 'yaml', 'sandbox', 'better-auth', '@opencode-ai/sdk'];

test('a command that asks a server loads nothing of what serves', async () => {
  const asking = ['run', 'chat', 'sessions', 'logs', 'platform/deploy', 'platform/releases'];
  const loaded = await packagesOf(...asking.map((name) => `./commands/${name}.ts`));
  expect(loaded).toEqual(expect.arrayContaining(['cli', 'sdk', 'zod']));
  expect(loaded.filter((name) => OF_SERVERS.includes(name))).toEqual([]);
});

test('the supervisor leaves to the planes what they alone need', async () => {
  const loaded = await packagesOf('./supervisor/server.ts');
  expect(loaded).toEqual(expect.arrayContaining(['postgres', 'pg']));
  expect(loaded.filter((name) => OF_PLANES.includes(name))).toEqual([]);
});
