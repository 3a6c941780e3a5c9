import { createReader, type Sandbox } from '@karta/sandbox';
import { afterAll, afterEach, expect, test } from 'vitest';
import {
  opencodeDialect,
  type Stand,
  say,
  scripted,
  Talk,
} from '../../packages/harness/src/conformance/index.ts';
import { createOpenCode } from '../../packages/harness/src/opencode/index.ts';
import { createKit } from './stand.ts';
import { strongestRung } from './strongest-rung.ts';

/**
 * OpenCode's server can be reached by the code it runs, with its password: approvals are no boundary
 * against that. What comes of it is seen, and ends the turn.
 */
const parts = {
  harness: createOpenCode(),
  dialect: opencodeDialect,
  reader: async (sandbox: Sandbox) => createReader(sandbox),
  ...(await strongestRung()),
};
const kit = await createKit(parts);
const stands: Stand[] = [];
afterEach(() => Promise.all(stands.splice(0).map((stand) => stand.end())));
afterAll(() => kit.close());

async function boot(from = kit): Promise<Stand> {
  const stand = await from.boot({ fixture: 'basic' });
  stands.push(stand);
  return stand;
}

/** A shell command that runs `code` with `call(method, path, body)` to OpenCode's own server. */
function inside(code: string): string {
  const program = `
    const fs = require('node:fs');
    const words = fs.readdirSync('/proc').flatMap((id) => {
      try {
        return [fs.readFileSync('/proc/' + id + '/cmdline', 'utf8').split('\\0')];
      } catch {
        return [];
      }
    });
    const port = words.find((line) => line[1] === 'serve' && line.includes('--port')).at(5);
    const authorization = 'Basic ' + btoa('opencode:' + process.env.OPENCODE_SERVER_PASSWORD);
    const call = async (method, path, body) => {
      const headers = { authorization, 'content-type': 'application/json' };
      const url = 'http://127.0.0.1:' + port + path;
      const answer = await fetch(url, { method, headers, body: JSON.stringify(body) });
      return answer.json();
    };
    (async () => { ${code} })();`;
  return `node -e '${program.replaceAll("'", `'"'"'`)}'`;
}

test('an approval that the sandbox gives itself is told and stops the turn', async () => {
  const { session } = await boot();
  const answerIt = inside(`
    for (;;) {
      const [ask] = await call('GET', '/permission');
      if (ask) return call('POST', '/permission/' + ask.id + '/reply', { reply: 'once' });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }`);
  const tools = [
    opencodeDialect.shell(answerIt),
    opencodeDialect.shell('echo the victim; sleep 54321'),
  ];
  const talk = new Talk(session, scripted({ tools }, { text: 'never said' }));
  const isVictim = ({ input }: { input: unknown }) => JSON.stringify(input).includes('the victim');
  await talk.next('ask', isVictim);
  const attack = await talk.next('ask', (ask) => !isVictim(ask));
  await talk.approve(attack.requestId);
  await talk.done;
  expect(talk.all('error')).toMatchObject([{ code: 'approval_bypassed' }]);
  expect(talk.all('end')).toMatchObject([{ stopReason: 'error' }]);
  expect(talk.text).toBe('');
  const after = await say(session, scripted({ text: 'it goes on' }));
  expect(after.text).toBe('it goes on');
});

test('a reload of the configuration from inside ends the harness', async () => {
  const { session } = await boot();
  const tools = [opencodeDialect.shell(inside(`await call('POST', '/instance/dispose');`))];
  const talk = new Talk(session, scripted({ tools }, { text: 'never said' }));
  await talk.approve((await talk.next('ask')).requestId);
  await talk.done;
  expect(talk.all('error'), talk.summary()).toMatchObject([{ code: 'harness_protocol' }]);
  expect(talk.all('end')).toMatchObject([{ stopReason: 'error' }]);
  await session.exited;
});

test('the other wire family carries a turn as well', async () => {
  const other = await createKit({ ...parts, families: ['openai'] });
  try {
    const { session } = await boot(other);
    const tools = [opencodeDialect.shell('sh tool.sh word')];
    const message = scripted({ think: 'hm', text: 'a', tools }, { text: 'b' });
    const talk = await say(session, message, { thinking: true });
    expect(talk.reasoning).toBe('hm');
    expect(talk.text).toBe('ab');
    expect(talk.all('tool_result')).toMatchObject([{ isError: false }]);
    expect(talk.all('end')).toMatchObject([{ stopReason: 'end_turn' }]);
    await Promise.all(stands.splice(0).map((stand) => stand.end()));
  } finally {
    await other.close();
  }
});
