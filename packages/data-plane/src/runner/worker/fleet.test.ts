import { expect, test } from 'vitest';
import type { BootOrder } from '../machine/machine-port.ts';
import { scriptedHost } from '../testing/scripted-host.ts';
import { releaseNamed } from '../testing/stub-machine.ts';
import { fleetOf, type LoadedHost } from './fleet.ts';

function order(sandboxId: string): BootOrder {
  return {
    sandboxId,
    volumeId: 'vol_1',
    release: releaseNamed('rel_1'),
    channel: { socketPath: '/s', credential: 'c' },
    hosts: [],
    families: [],
    env: {},
  };
}

function loaded(name: string, booted: string[]): LoadedHost {
  const host = scriptedHost();
  let load = 0;
  return {
    ...host,
    get load() {
      return load;
    },
    async boot(what) {
      load += 1;
      booted.push(`${name} ${what.sandboxId}`);
      return host.boot(what);
    },
    async stop() {
      booted.push(`${name} stops`);
    },
  };
}

test('machines are spread evenly, and a stop reaches every host', async () => {
  const booted: string[] = [];
  const fleet = fleetOf([loaded('a', booted), loaded('b', booted)]);
  expect((await fleet.start()).isolation).toBe('namespace');
  for (const id of ['1', '2', '3', '4']) await fleet.boot(order(id));
  expect(booted).toEqual(['a 1', 'b 2', 'a 3', 'b 4']);
  await fleet.stop();
  expect(booted.slice(4)).toEqual(['a stops', 'b stops']);
  expect(await fleet.volumes()).toEqual(['vol_1']);
});
