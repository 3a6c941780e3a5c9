import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, realpathSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { join, normalize } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EgressGround, egressGround, shell } from './ground.ts';

const run = promisify(execFile);
const NPM = '/usr/bin/npm';
let ground: EgressGround;

beforeAll(async () => {
  ground = await egressGround(['git.example.com', 'registry.example.com', 'api.example.com']);
});
afterAll(() => ground.close());

const allowed = (host: string, port: number) => ({ host, port, inject: null });

/** Serves the files of a folder, as a plain web server does. */
function filesOf(folder: string): RequestListener {
  return async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'https://x');
    const content = await readFile(join(folder, normalize(pathname))).catch(() => null);
    response.writeHead(content === null ? 404 : 200).end(content ?? '');
  };
}

test('git clones over https from an allowed host, and from no other', async () => {
  const work = await ground.folder('work');
  const served = await ground.folder('served');
  const git = (...args: string[]) => run('git', ['-C', work, ...args]);
  await git('init', '-q', '-b', 'main');
  await writeFile(join(work, 'recipe.txt'), 'flour and water\n');
  await git('add', '.');
  const who = ['-c', 'user.name=Test', '-c', 'user.email=test@example.com'];
  await git(...who, 'commit', '-q', '-m', 'Begin');
  await run('git', ['clone', '-q', '--bare', work, join(served, 'recipes.git')]);
  await run('git', ['-C', join(served, 'recipes.git'), 'update-server-info']);
  const port = await ground.serve('git.example.com', filesOf(served));
  const sandbox = await ground.sandbox([allowed('git.example.com', port)]);
  const clone = (host: string) =>
    shell(
      sandbox,
      `git -c http.sslCAInfo=${ground.caInside} clone -q https://${host}:${port}/recipes.git ${host} && cat ${host}/recipe.txt`,
    );
  const control = await clone('git.example.com');
  expect(control).toMatchObject({ code: 0, stdout: 'flour and water\n' });
  const other = await clone('registry.example.com');
  expect(other.code).not.toBe(0);
  expect(other.stderr).toMatch(/resolve/i);
  expect(ground.connections()).toContainEqual(
    // Whether git or the server ends the connection first is nobody's to say.
    expect.objectContaining({
      ...{ host: 'git.example.com', port },
      outcome: expect.stringMatching(/^(complete|cut)$/),
    }),
  );
});

test.skipIf(!existsSync(NPM) || !realpathSync(NPM).startsWith('/usr/'))(
  'npm installs from an allowed registry',
  async () => {
    const folder = await ground.folder('package');
    await mkdir(join(folder, 'package'));
    const manifest = { name: 'sourdough', version: '1.0.0', main: 'index.js' };
    await writeFile(join(folder, 'package', 'package.json'), JSON.stringify(manifest));
    await writeFile(join(folder, 'package', 'index.js'), "module.exports = 'risen';\n");
    await run('tar', ['-czf', join(folder, 'sourdough.tgz'), '-C', folder, 'package']);
    const archive = await readFile(join(folder, 'sourdough.tgz'));
    const port = await ground.serve('registry.example.com', (request, response) => {
      if (request.url?.endsWith('.tgz')) {
        response.end(archive);
        return;
      }
      const dist = {
        tarball: `https://registry.example.com:${port}/sourdough/-/sourdough-1.0.0.tgz`,
        shasum: createHash('sha1').update(archive).digest('hex'),
      };
      const versions = { '1.0.0': { ...manifest, dist } };
      const known = request.url === '/sourdough';
      response.writeHead(known ? 200 : 404, { 'content-type': 'application/json' });
      const packument = { name: 'sourdough', 'dist-tags': { latest: '1.0.0' }, versions };
      response.end(known ? JSON.stringify(packument) : '{}');
    });
    const sandbox = await ground.sandbox([allowed('registry.example.com', port)]);
    const options = `--registry https://registry.example.com:${port}/ --cafile ${ground.caInside}`;
    const { stdout, stderr, code } = await shell(
      sandbox,
      `mkdir app && cd app && npm install --no-audit --no-fund ${options} sourdough && node -p "require('sourdough')"`,
    );
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stdout).toContain('risen');
  },
);

test('a secret goes to its host and is nowhere inside', async () => {
  const seen: (string | undefined)[] = [];
  const port = await ground.serve('api.example.com', (request, response) => {
    seen.push(request.headers.authorization);
    response.end(`hello ${request.headers['x-name']}`);
  });
  const inject = { header: 'Authorization', secret: 'TOKEN', prefix: 'Bearer ' };
  const allow = [{ host: 'api.example.com', port, inject }];
  const sandbox = await ground.sandbox(allow, { TOKEN: 'never-inside' });
  const { stdout } = await shell(sandbox, 'curl -s -H "x-name: $USER" http://api.example.com/v1', {
    USER: 'ann',
  });
  expect(stdout).toBe('hello ann');
  expect(seen).toEqual(['Bearer never-inside']);
  const onItsPort = await shell(sandbox, `curl -s http://api.example.com:${port}/v1`);
  expect(onItsPort.stdout).toBe('hello undefined');
  const search =
    'grep -rl never-inside /run /etc /workspace /home /tmp /opt /proc/*/environ /proc/*/cmdline 2>/dev/null';
  const planted = await shell(sandbox, `echo never-inside > /tmp/planted; ${search}`);
  expect(planted.stdout.trim(), 'control: the search finds what is there').toMatch(
    /\/tmp\/planted/,
  );
  expect(planted.stdout.split('\n').filter((path) => !/planted|^\/proc|^$/.test(path))).toEqual([]);
});
