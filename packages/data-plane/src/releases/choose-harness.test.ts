import type { Installation } from '@karta/harness';
import type { WireFamily } from '@karta/protocol';
import { expect, test } from 'vitest';
import { chooseHarness } from './choose-harness.ts';
import { readKartaToml } from './karta-toml.ts';
import type { Upstreams } from './model-check.ts';
import { problemText } from './problem.ts';
import { ABSENT, appOf, INSTALLED, layoutHarness } from './testing/layout-harness.ts';

async function choose(
  files: Record<string, string>,
  { openCode, claude }: { openCode: Installation; claude: Installation },
  family: WireFamily = 'anthropic',
): Promise<string> {
  const app = appOf(files);
  const { toml } = readKartaToml(app);
  const harnesses = [
    layoutHarness('opencode', ['.opencode/', 'AGENTS.md'], openCode, ['anthropic', 'openai']),
    layoutHarness('claude-code', ['.claude/', 'CLAUDE.md'], claude),
  ];
  const upstreams: Upstreams = [
    { id: 'demo', families: [family], responses: true, endpoint: 'embedded' },
  ];
  const choice = await chooseHarness(app, toml, harnesses, upstreams);
  if ('problem' in choice) return problemText(choice.problem);
  return `${choice.chosen.harness.id} ${choice.chosen.version}`;
}

const BOTH = { openCode: INSTALLED, claude: INSTALLED };
const ONLY_OPENCODE = { openCode: INSTALLED, claude: ABSENT };

test('the layout decides', async () => {
  expect(await choose({ 'CLAUDE.md': '' }, BOTH)).toBe('claude-code 1.2.3');
  expect(await choose({ 'AGENTS.md': '' }, BOTH)).toBe('opencode 1.2.3');
});

test('a folder with both layouts runs on the installed one, Claude Code first', async () => {
  const files = { 'CLAUDE.md': '', '.opencode/agent/a.md': '' };
  expect(await choose(files, BOTH)).toBe('claude-code 1.2.3');
  expect(await choose(files, ONLY_OPENCODE)).toBe('opencode 1.2.3');
  expect(await choose(files, { openCode: ABSENT, claude: ABSENT })).toBe('Install it: npm i it');
  // Claude Code speaks one wire; where only the other is served, the other harness runs.
  expect(await choose(files, BOTH, 'openai')).toBe('opencode 1.2.3');
  expect(await choose({ 'CLAUDE.md': '' }, BOTH, 'openai')).toBe('claude-code 1.2.3');
});

test('a layout whose harness is missing says what to install', async () => {
  expect(await choose({ 'CLAUDE.md': '' }, ONLY_OPENCODE)).toBe('Install it: npm i it');
});

test('[harness] type wins over the layout, also over a missing one', async () => {
  const toml = '[harness]\ntype = "opencode"\n';
  expect(await choose({ 'CLAUDE.md': '', 'karta.toml': toml }, BOTH)).toBe('opencode 1.2.3');
});

test('a folder with neither names both', async () => {
  const message = await choose({ 'README.md': '' }, BOTH);
  for (const word of ['Claude Code', 'CLAUDE.md', 'OpenCode', 'AGENTS.md']) {
    expect(message).toContain(word);
  }
});

test('an unknown type and another version are errors with their line', async () => {
  const type = 'name = "x"\n[harness]\ntype = "opencoed"\n';
  expect(await choose({ 'karta.toml': type }, BOTH)).toBe(
    'karta.toml:3: unknown harness "opencoed"; did you mean "opencode"?',
  );
  const version = '[harness]\ntype = "opencode"\nversion = "9.9.9"\n';
  expect(await choose({ 'karta.toml': version }, BOTH)).toBe(
    'karta.toml:3: OpenCode 9.9.9 is asked for, 1.2.3 is installed',
  );
});
