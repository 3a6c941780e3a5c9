import { readFile } from 'node:fs/promises';
import {
  type InternalSurface,
  loopbackSurface,
  type PlanePublicKey,
  planePublicKey,
} from '@karta/service/plane-auth';
import { CliError } from '../cli-error.ts';
import { listSetting } from './list-setting.ts';
import { isLoopback } from './settings.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The other plane, as one that runs apart is told of it. */
export interface PlanePeer {
  internal_url: string;
  key: PlanePublicKey;
}

/**
 * Where a plane that runs apart listens for the other one, from `KARTA_INTERNAL_HOST`, `_PORT`,
 * `_HOSTS` and `_ADDRESSES`. On loopback the lists may be left out; elsewhere they may not, since
 * whoever reaches the port would be listened to.
 */
export function internalSurfaceOf(env: Environment, port: number): InternalSurface {
  const host = env.KARTA_INTERNAL_HOST || '127.0.0.1';
  const hosts = listSetting(env.KARTA_INTERNAL_HOSTS);
  const addresses = listSetting(env.KARTA_INTERNAL_ADDRESSES);
  if (isLoopback(host) && hosts.length === 0 && addresses.length === 0) {
    return { ...loopbackSurface(port), host };
  }
  for (const [name, list, what] of [
    ['KARTA_INTERNAL_HOSTS', hosts, 'the hosts by which the other plane calls this one'],
    ['KARTA_INTERNAL_ADDRESSES', addresses, 'the addresses that the other plane calls from'],
  ] as const) {
    if (list.length === 0) {
      throw new CliError('usage', `${name} is not set`, `Set it to ${what}, by commas.`);
    }
  }
  return { host, port, allowed_hosts: hosts, allowed_addresses: addresses };
}

/** The one control plane that `KARTA_CONTROL` names, as `<address>=<file with its public key>`. */
export async function controlOf(text: string | undefined): Promise<PlanePeer> {
  const [entry, ...more] = listSetting(text);
  if (entry === undefined || more.length > 0) {
    throw new CliError(
      'usage',
      'KARTA_CONTROL does not name one control plane',
      'Write its internal address and a file: http://10.0.0.1:9001=/etc/karta/control.pub.json',
    );
  }
  const { url, files } = addressAndFiles(entry, 1, 'KARTA_CONTROL', '/etc/karta/control.pub.json');
  return { internal_url: url, key: await publicKeyIn(files[0] ?? '') };
}

/**
 * The data planes that `KARTA_NODES` names, by commas, each as
 * `<address>=<file with its public key>=<file with the public key of its doors>`.
 */
export async function nodesOf(
  text: string | undefined,
): Promise<(PlanePeer & { doors_key: PlanePublicKey })[]> {
  const wanted = '/etc/karta/data.pub.json=/etc/karta/doors.pub.json';
  return Promise.all(
    listSetting(text).map(async (entry) => {
      const { url, files } = addressAndFiles(entry, 2, 'KARTA_NODES', wanted);
      const [key, doorsKey] = await Promise.all([
        publicKeyIn(files[0] ?? ''),
        publicKeyIn(files[1] ?? ''),
      ]);
      if (key.kid !== doorsKey.kid) return { internal_url: url, key, doors_key: doorsKey };
      throw new CliError(
        'usage',
        `KARTA_NODES names one key twice in "${entry}"`,
        'Make that of the doors on the other machine: karta plane-key doors > doors.pub.json',
      );
    }),
  );
}

function addressAndFiles(
  entry: string,
  count: number,
  name: string,
  example: string,
): { url: string; files: string[] } {
  const [address = '', ...files] = entry.split('=');
  const url = URL.parse(address);
  if (url !== null && /^https?:$/.test(url.protocol) && files.length === count) {
    return { url: url.origin, files };
  }
  const what = count === 1 ? 'a file' : 'two files';
  throw new CliError(
    'usage',
    `${name} cannot be "${entry}"`,
    `Write an address and ${what}: http://10.0.0.2:9000=${example}`,
  );
}

async function publicKeyIn(path: string): Promise<PlanePublicKey> {
  const key = planePublicKey.safeParse(await jsonIn(path));
  if (key.success) return key.data;
  throw new CliError(
    'usage',
    `${path} is not the public key of a plane`,
    'Make it on the other machine: karta plane-key control|data|doors > key.json',
  );
}

async function jsonIn(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new CliError('usage', `${path} cannot be read (${cause.code})`, 'Check the path.', {
      cause,
    });
  });
  try {
    return JSON.parse(text);
  } catch {
    return null; // Refused by the caller, who names the file.
  }
}
