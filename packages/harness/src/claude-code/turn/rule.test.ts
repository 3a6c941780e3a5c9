import { expect, it } from 'vitest';
import { ruleOf } from './rule.ts';

const rule = (...rules: object[]) => ({ type: 'addRules', behavior: 'allow', rules });
const edits = { type: 'setMode', mode: 'acceptEdits', destination: 'session' };

it.each([
  [[rule({ toolName: 'Bash', ruleContent: 'npm run *' })], 'Bash: npm run *'],
  [[rule({ toolName: 'mcp__echo__echo' })], 'mcp__echo__echo'],
  [
    [rule({ toolName: 'Bash', ruleContent: 'a' }, { toolName: 'Bash', ruleContent: 'b' }), edits],
    'Bash: a, Bash: b',
  ],
  [[edits], 'Write: any file of the workspace'],
  [[], null],
  [[{ type: 'addRules', behavior: 'deny', rules: [{ toolName: 'Bash' }] }], null],
  [[{ type: 'setMode', mode: 'bypassPermissions' }, 'nonsense', null], null],
])('of %j is %s', (suggestions, expected) => {
  expect(ruleOf('Write', suggestions)).toBe(expected);
});
