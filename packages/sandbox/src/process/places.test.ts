import { expect, test } from 'vitest';
import { place } from './places.ts';

const PLACES = {
  workspace: '/v/workspace',
  home: '/v/home',
  tmp: '/s/tmp',
  bound: new Map([
    ['/opt/tool', '/host/tool'],
    ['/home/agent/.config/x', '/s/file-0'],
  ]),
};

test.each([
  ['/workspace', '/v/workspace'],
  ['/workspace/a/b', '/v/workspace/a/b'],
  ['/workspaces', '/workspaces'],
  ['/home/agent/.config/x', '/s/file-0'],
  ['/home/agent/.config/y', '/v/home/.config/y'],
  ['/opt/tool/bin/run', '/host/tool/bin/run'],
  ['/tmp/x', '/s/tmp/x'],
  ['/usr/bin/env', '/usr/bin/env'],
  ['git', 'git'],
])('%s is at %s', (inside, real) => {
  expect(place(PLACES, inside)).toBe(real);
});
