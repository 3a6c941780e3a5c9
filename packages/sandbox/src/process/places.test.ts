import { expect, test } from 'vitest';
import { type Places, place } from './places.ts';

const places: Places = {
  workspace: '/tmp/home/volumes-none/v/workspace',
  home: '/tmp/home/volumes-none/v/home',
  tmp: '/tmp/home/sandboxes/none/s/tmp',
  bound: new Map([['/opt/karta/node', '/tmp/checkout/node_modules/.bin/node']]),
};

test.each([
  ['/workspace', places.workspace],
  ['/workspace/a/b', `${places.workspace}/a/b`],
  ['/home/agent/.store', `${places.home}/.store`],
  ['/tmp/x', `${places.tmp}/x`],
  ['/opt/karta/node', '/tmp/checkout/node_modules/.bin/node'],
  ['/usr/bin/env', '/usr/bin/env'],
])('%s inside is %s', (inside, real) => {
  expect(place(places, inside)).toBe(real);
});

test('a mapped path stays where it is, also when the host keeps it below /tmp', () => {
  for (const inside of ['/workspace/a', '/home/agent', '/tmp/x', '/opt/karta/node']) {
    const real = place(places, inside);
    expect(place(places, real)).toBe(real);
  }
});
