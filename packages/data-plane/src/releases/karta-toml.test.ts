import type { AppFolder } from '@karta/harness';
import { expect, test } from 'vitest';
import { readKartaToml } from './karta-toml.ts';
import { problemText } from './problem.ts';

function read(text: string | null) {
  const app: AppFolder = {
    paths: text === null ? [] : ['karta.toml'],
    text: (path) => (path === 'karta.toml' ? text : null),
  };
  const { toml, problems } = readKartaToml(app);
  return { toml, problems: problems.map((p) => `${p.severity} ${problemText(p)}`) };
}

test('absent and empty say nothing', () => {
  expect(read(null)).toEqual({ toml: {}, problems: [] });
  expect(read('')).toEqual({ toml: {}, problems: [] });
});

test('a full file is read', () => {
  const { toml, problems } = read(`
name = "Shop"
[harness]
type = "opencode"
version = "1.18.34"
[model]
default = "anthropic/claude-sonnet-4-5"
[env]
SHOP_ID = {required = true, description = "which shop"}
[env.SHOP_KEY]
secret = true
expose = true
[sandbox]
memory_mb = 2048
vcpus = 1.5
disk_mb = 512
max_turn_s = 600
`);
  expect(problems).toEqual([]);
  expect(toml.env?.SHOP_ID).toMatchObject({ required: true, secret: false, expose: false });
  expect(toml.env?.SHOP_KEY).toMatchObject({ secret: true, expose: true });
  expect(toml.sandbox).toEqual({ memory_mb: 2048, vcpus: 1.5, disk_mb: 512, max_turn_s: 600 });
});

test('broken syntax is an error with its line', () => {
  const { problems } = read('name = "a"\n\n[harness\ntype = "x"\n');
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(/^error karta\.toml:3: /);
});

test('a wrong value is an error with its line and its path', () => {
  const { problems } = read('name = "a"\n[sandbox]\n# room\nmemory_mb = "lots"\nvcpus = 0\n');
  expect(problems).toHaveLength(2);
  expect(problems[0]).toMatch(/^error karta\.toml:4: sandbox\.memory_mb: /);
  expect(problems[1]).toMatch(/^error karta\.toml:5: sandbox\.vcpus: /);
});

test('of a value that may have several forms, the form that was meant is told', () => {
  const { problems } = read(
    '[network]\nallow = [\n"10.0.0.1:443",\n"shop.example",\n{ host = "*.example:443" },\n7]\n',
  );
  expect(problems[0]).toContain('network.allow.0: "10.0.0.1:443" must be "host:port", with a name');
  expect(problems[1]).toContain('network.allow.1: "shop.example" must be "host:port"');
  expect(problems[2]).toContain('network.allow.2.host: "*.example:443" must be "host:port"');
  expect(problems.at(-1)).toContain('network.allow.3: ');
});

test('an unknown key is a warning with what was meant, and the rest counts', () => {
  const { toml, problems } = read(
    '[sandbox]\nmemroy_mb = 1\ndisk_mb = 64\n[modle]\n[env]\nA = {secert = true}\n',
  );
  expect(problems).toEqual([
    'warning karta.toml:2: unknown key "sandbox.memroy_mb" is ignored; did you mean "memory_mb"?',
    'warning karta.toml:4: unknown key "modle" is ignored; did you mean "model"?',
    'warning karta.toml:6: unknown key "env.A.secert" is ignored; did you mean "secret"?',
  ]);
  expect(toml.sandbox).toEqual({ disk_mb: 64 });
});

test('keys of the prototype are unknown keys', () => {
  expect(read('constructor = 1\n').problems).toHaveLength(1);
});

test('what has no effect locally is said', () => {
  const { problems } = read('[build]\nsetup = "npm ci"\n[cli]\ninput_policy = "ask"\n');
  expect(problems).toHaveLength(2);
  expect(problems[0]).toContain('karta.toml:2: build.setup has no effect');
  expect(problems[1]).toContain('karta.toml:4: cli.input_policy has no effect');
});

test('models that stand in are a list of names with their provider', () => {
  const list = '["openrouter/openai/gpt-5", "openai/gpt-5"]';
  const { toml, problems } = read(`[model]\nfallback = ${list}\n`);
  expect([toml.model?.fallback, problems]).toEqual([JSON.parse(list), []]);
  for (const wrong of ['"openai/gpt-5"', '["gpt-5"]', '["acme/gpt-5"]', '[1]']) {
    const text = `[model]\ndefault = "x"\nfallback = ${wrong}\n`;
    expect(read(text).problems[0]).toMatch(/^error karta\.toml:3: model\.fallback/);
  }
});

test('lines are right behind strings over several lines', () => {
  const { problems } = read(
    'name = """\n[sandbox]\nmemory_mb = 1\n"""\n[sandbox]\nmemory_mb = 1\n',
  );
  expect(problems[0]).toMatch(/^error karta\.toml:6: sandbox\.memory_mb/);
});

test('a bad variable name and a bad host are errors', () => {
  const { problems } = read('[env]\n"A-B" = {}\n[network]\nallow = ["https://x"]\n');
  expect(problems[0]).toContain('karta.toml:2: env.A-B');
  expect(problems[1]).toContain('karta.toml:4: network.allow');
});
