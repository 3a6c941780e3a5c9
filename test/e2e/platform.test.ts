import { execFile, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type AuditEvent, Karta } from '@karta/sdk';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  cleanEnvironment,
  example,
  karta,
  type ServedKarta,
  serveKarta,
  temporaryHome,
  WITH_CLAUDE_CODE,
} from './karta-process.ts';
import { processes } from './processes-of.ts';

const run = promisify(execFile);

/** A person with a home of their own, who types commands and answers what they ask. */
interface Somebody {
  home: string;
  /** Runs `karta`; what is asked gets these lines. Rejects unless it exits with 0. */
  types(args: readonly string[], answers?: string): Promise<string>;
}

describe('a stranger on a fresh server', () => {
  let server: ServedKarta;
  let serverHome: Awaited<ReturnType<typeof temporaryHome>>;
  let work: string;
  let ada: Somebody;
  let bob: Somebody;
  const cleanup = new AsyncDisposableStack();

  async function somebody(): Promise<Somebody> {
    const home = cleanup.use(await temporaryHome());
    return {
      home: home.path,
      async types(args, answers = '') {
        const { code, stdout, stderr } = await karta(args, { home: home.path, input: answers });
        if (code !== 0) throw new Error(`karta ${args.join(' ')} → ${code}: ${stdout}${stderr}`);
        return stdout.trim();
      },
    };
  }

  beforeAll(async () => {
    serverHome = cleanup.use(await temporaryHome());
    // Where it is installed the support bot runs on it, which starts sooner; what is pushed by git does not.
    server = cleanup.use(await serveKarta(serverHome.path, [], { env: WITH_CLAUDE_CODE }));
    work = await mkdtemp(join(tmpdir(), 'karta-platform-'));
    cleanup.defer(() => rm(work, { recursive: true, force: true }));
    ada = await somebody();
    bob = await somebody();
  });
  afterAll(() => cleanup.disposeAsync());

  /** A client of the data plane with the org's key. */
  function withKey(apiKey: string, project?: string): Karta {
    return new Karta({ apiKey, baseUrl: server.url, project });
  }

  async function newestFirst(): Promise<AuditEvent[]> {
    const text = await ada.types(['audit', '--json', '--limit', '200']);
    return text.split('\n').map((line) => JSON.parse(line) as AuditEvent);
  }

  test('signs up, makes an org and invites a colleague', async () => {
    expect(server.ready).toMatchObject({ projects: [], session_id: null });
    const url = String(server.ready.control_url);
    const signUp = ['login', '--url', url, '--sign-up', '--email', 'ada@roasters.example'];
    await ada.types([...signUp, '--name', 'Ada'], 'a long enough password\n');
    await ada.types(['orgs', 'create', 'roasters']);
    expect(await ada.types(['whoami'])).toContain('ada@roasters.example in the org roasters');

    const invite = ['members', 'invite', 'bob@roasters.example', '--role', 'developer'];
    const link = await ada.types(invite);
    expect(link).toContain('#token=');
    const join = ['login', '--url', url, '--sign-up', '--email', 'bob@roasters.example'];
    await bob.types([...join, '--name', 'Bob', '--invitation', link], 'another long password\n');
    expect(await bob.types(['members'])).toMatch(/bob@roasters\.example +developer/);
  });

  test('deploys, talks, deploys a change beside a running session, and rolls back', async () => {
    const key = await ada.types(['keys', 'create', 'backend']);
    const app = join(work, 'support-bot');
    await cp(example('support-bot'), app, { recursive: true });
    expect(await ada.types(['deploy', app])).toMatch(/\/v1\/projects\/support-bot$/);
    const first = await withKey(key, 'support-bot').sessions.create();
    expect(first.created).toMatchObject({ project: { version: 'v1' } });
    expect((await first.send('When are you open?')).text).toContain('Tuesday to Friday');

    for (const file of ['CLAUDE.md', 'AGENTS.md']) {
      await appendFile(join(app, file), '\n- Gift wrapping is free in December.\n');
    }
    await bob.types(['deploy', app]);
    const second = await withKey(key, 'support-bot').sessions.create();
    expect(second.created).toMatchObject({ project: { version: 'v2' } });
    expect((await second.send('Is gift wrapping free?')).text).toContain('December');
    const old = await first.send('Is gift wrapping free?');
    expect(old.text).not.toContain('December');
    expect(await first.get()).toMatchObject({ project: { version: 'v1' } });

    await ada.types(['rollback', '--project', 'support-bot']);
    const third = await withKey(key, 'support-bot').sessions.create();
    expect(third.created).toMatchObject({ project: { version: 'v1' } });
  });

  test('publishes by git push, with no key typed and none kept by git', async () => {
    const key = await ada.types(['keys', 'create', 'talk']);
    const app = join(work, 'lighthouse');
    const stored = join(work, 'stored-passwords');
    const global = join(work, 'gitconfig');
    await writeFile(
      global,
      `[credential]\n\thelper = store --file=${stored}\n[user]\n\tname = Ada\n\temail = ada@roasters.example\n`,
    );
    const env = { GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: global, GIT_TERMINAL_PROMPT: '0' };
    const git = (...args: string[]) =>
      run('git', ['-C', app, ...args], { env: { ...cleanEnvironment(env), KARTA_HOME: ada.home } });
    await run('git', ['init', '-q', '-b', 'main', app]);
    await writeFile(join(app, 'AGENTS.md'), '# Light\n\n- The lighthouse opens at 10:00.\n');
    await ada.types(['init', app]);
    await git('add', '-A');
    await git('commit', '-qm', 'x');
    const { stderr } = await git('push', 'karta', 'main');
    expect(stderr).toContain('/v1/projects/lighthouse');
    const session = await withKey(key, 'lighthouse').sessions.create();
    expect((await session.send('When does the lighthouse open?')).text).toContain('10:00');

    await appendFile(join(app, 'AGENTS.md'), '- It closes at 16:00.\n');
    await git('commit', '-qam', 'y');
    const options = { home: ada.home, env };
    const pushed = await karta(['deploy', app, '--git', '--project', 'lighthouse'], options);
    expect(pushed).toMatchObject({ code: 0, stdout: expect.stringMatching(/\/lighthouse\n$/) });
    expect(pushed.stderr).toContain('v2');
    const { token } = JSON.parse(await readFile(join(ada.home, 'login.json'), 'utf8'));
    expect(await readFile(join(app, '.git', 'config'), 'utf8')).not.toContain(token);
    expect(existsSync(stored)).toBe(false);
  });

  test('talks and reads signed in, without a key', async () => {
    const answer = await ada.types(['run', 'When are you open?', '--project', 'support-bot']);
    expect(answer).toContain('Tuesday to Friday');
    const [newest = ''] = (await ada.types(['sessions', '--json', '--limit', '1'])).split('\n');
    const { id } = JSON.parse(newest);
    expect(await ada.types(['sessions', 'show', id])).toContain('When are you open?');
    expect(await bob.types(['logs', '--limit', '1'])).toContain('When are you open?');
    const chat = ['chat', '--session', id, '--project', 'support-bot'];
    expect(await bob.types(chat, 'Do you sell decaf?\n')).toContain('Embers Out');
    await ada.types(['sessions', 'end', id]);
    const minted = (await newestFirst()).filter(({ action }) => action === 'staff_tokens.mint');
    expect(minted.map(({ actor }) => actor.label)).toContain('bob@roasters.example');
    expect(minted.some(({ details }) => details?.session_id === id)).toBe(true);
  });

  test.runIf(process.getuid?.() === 0)('is served by a control plane that is not root', () => {
    const status = (pid: number) => readFileSync(`/proc/${pid}/status`, 'utf8');
    const children = processes().filter(({ parent }) => parent === server.pid);
    const pidOf = (part: string) =>
      children.find(({ command }) => command.includes(`${part}/src/main.ts`))?.pid ?? 0;
    const [control, doors] = [pidOf('control-plane'), pidOf('doors')];
    const uid = Number(/^Uid:\t(\d+)\t\1\t\1\t\1$/m.exec(status(control))?.[1]);
    expect(uid).toBeGreaterThan(0);
    expect(status(control)).toMatch(new RegExp(`^Gid:\t${uid}\t${uid}\t${uid}\t${uid}$`, 'm'));
    expect(status(control)).toMatch(/^Groups:\s*$/m);
    expect(status(control)).toMatch(/^CapEff:\t0+$/m);
    expect(status(doors)).not.toMatch(new RegExp(`^Uid:\t${uid}\t`, 'm'));

    // What it must not reach, tried as its user; as root the same commands show that it is there.
    const home = serverHome.path;
    for (const wanted of [
      ['ls', join(home, 'doors', 'usage')],
      ['cat', join(home, 'secrets', 'postgres.json')],
      ['cat', join(home, 'credentials.json')],
      ['cat', `/proc/${doors}/environ`],
      ['cat', `/proc/${server.pid}/environ`],
      ['ls', `/proc/${doors}/fd`],
    ]) {
      const [command = '', ...args] = wanted;
      expect(spawnSync(command, args).status, wanted.join(' ')).toBe(0);
      const as = ['--reuid', `${uid}`, '--regid', `${uid}`, '--clear-groups', '--', ...wanted];
      expect(spawnSync('setpriv', as).status, wanted.join(' ')).not.toBe(0);
    }
    // Nor do others of its user reach it, such as a git that it runs: it was root once.
    const own = ['--reuid', `${uid}`, '--regid', `${uid}`, '--clear-groups', '--'];
    expect(spawnSync('setpriv', [...own, 'cat', `/proc/${control}/environ`]).status).not.toBe(0);
    expect(spawnSync('setpriv', [...own, 'cat', '/proc/self/environ']).status).toBe(0);

    // Git's user, to which nothing belongs, is not let into the database, nor are others.
    const [, , , port = '', sockets = ''] = readFileSync(
      join(home, 'postgres', 'data', 'postmaster.pid'),
      'utf8',
    ).split('\n');
    const script = `require('net').connect(process.argv[1])
      .once('connect', () => process.exit(0)).once('error', () => process.exit(1))`;
    const connect = [process.execPath, '-e', script, join(sockets, `.s.PGSQL.${port}`)];
    expect(spawnSync('setpriv', [...own, ...connect]).status).toBe(0);
    const git = ['--reuid', '60580', '--regid', '60580', '--clear-groups', '--'];
    expect(spawnSync('setpriv', [...git, ...connect]).status).toBe(1);
  });

  test('finds all of it in the audit log, which holds', async () => {
    const events = await newestFirst();
    const did = (action: string) => events.filter((event) => event.action === action);
    expect(did('keys.create').map(({ actor }) => actor.label)).toContain('ada@roasters.example');
    const published = did('releases.publish').map(({ actor }) => actor.label);
    expect(published).toContain('ada@roasters.example');
    expect(published).toContain('bob@roasters.example');
    expect(events.some(({ action }) => /rollback|activate/.test(action))).toBe(true);
    expect(events.some(({ action }) => /invit/.test(action))).toBe(true);
    expect(await ada.types(['audit', 'verify'])).toContain('events hold');
    const head = join(work, 'head.json');
    await writeFile(head, await ada.types(['audit', 'head']));
    await ada.types(['keys', 'create', 'later']);
    expect(await ada.types(['audit', 'verify', '--against', head])).toContain('still there');
  });

  test('cannot reach what is another org’s', async () => {
    const mine = await ada.types(['keys', 'create', 'mine']);
    const theirs = new Karta({ apiKey: server.apiKey, baseUrl: server.url });
    const session = await withKey(mine, 'support-bot').sessions.create();
    await expect(theirs.sessions.get(session.id)).rejects.toMatchObject({ status: 404 });
  });
});
