import { expect, test } from 'vitest';
import { resolveConfigLinks } from './config-links.ts';
import { problemText } from './problem.ts';
import type { FolderSpec } from './testing/temp-folder.ts';
import { folderOf } from './testing/temp-folder.ts';
import { walkFolder } from './walk.ts';

async function resolved(spec: FolderSpec) {
  const { entries } = await walkFolder(await folderOf(spec));
  const flat = resolveConfigLinks(entries);
  return {
    entries: flat.entries.map((entry) =>
      entry.kind === 'file' ? `${entry.path} < ${entry.source}` : `${entry.path} ${entry.kind}`,
    ),
    problems: flat.problems.map(problemText),
  };
}

test('a linked file and a linked folder of the configuration become copies', async () => {
  const { entries, problems } = await resolved({
    'CLAUDE.md': { link: 'docs/rules.md' },
    'docs/rules.md': 'r',
    '.claude/skills': { link: '../skills' },
    'skills/one/SKILL.md': 's',
    'skills/two': { link: 'one' },
  });
  expect(problems).toEqual([]);
  expect(entries).toEqual([
    '.claude directory',
    '.claude/skills directory',
    '.claude/skills/one directory',
    '.claude/skills/one/SKILL.md < skills/one/SKILL.md',
    '.claude/skills/two directory',
    '.claude/skills/two/SKILL.md < skills/one/SKILL.md',
    'CLAUDE.md < docs/rules.md',
    'docs directory',
    'docs/rules.md < docs/rules.md',
    'skills directory',
    'skills/one directory',
    'skills/one/SKILL.md < skills/one/SKILL.md',
    'skills/two link',
  ]);
});

test('the whole configuration folder may be a link', async () => {
  const { entries } = await resolved({ '.opencode': { link: 'oc' }, 'oc/agent/a.md': 'a' });
  expect(entries).toContain('.opencode/agent/a.md < oc/agent/a.md');
});

test('a link to nothing would let the agent make it: refused', async () => {
  const { problems } = await resolved({ 'AGENTS.md': { link: 'later.md' } });
  expect(problems).toEqual(['AGENTS.md: is a link to nothing; configuration must be real files']);
});

test('a folder that holds itself is refused and ends', async () => {
  const { problems } = await resolved({
    '.claude/self': { link: '.' },
    '.claude/a': { link: '..' },
  });
  expect(problems.join()).toContain('in a circle');
});

test('links elsewhere stay links', async () => {
  const { entries } = await resolved({
    'node_modules/.bin/x': { link: '../x/x.js' },
    'node_modules/x/x.js': '',
  });
  expect(entries).toContain('node_modules/.bin/x link');
});
