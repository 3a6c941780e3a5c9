import { readFile } from 'node:fs/promises';
import {
  type InternalSurface,
  loopbackSurface,
  type PlanePublicKey,
  planePublicKey,
} from '@karta/service/plane-auth';
import { CliError } from '../cli-error.ts';
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
  const hosts = listOf(env.KARTA_INTERNAL_HOSTS);
  const addresses = listOf(env.KARTA_INTERNAL_ADDRESSES);
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

/** Peers written as `<address>=<file with its public key>`, by commas. */
export async function peersOf(text: string | undefined, name: string): Promise<PlanePeer[]> {
  return Promise.all(listOf(text).map((entry) => peerOf(entry, name)));
}

async function peerOf(entry: string, name: string): Promise<PlanePeer> {
  const at = entry.indexOf('=');
  const url = URL.parse(entry.slice(0, at));
  if (at < 0 || url === null || !/^https?:$/.test(url.protocol)) {
    throw new CliError(
      'usage',
      `${name} cannot be "${entry}"`,
      'Write an address and a file: http://10.0.0.2:9000=/etc/karta/data.pub.json',
    );
  }
  const path = entry.slice(at + 1);
  const key = planePublicKey.safeParse(await jsonIn(path));
  if (key.success) return { internal_url: url.origin, key: key.data };
  throw new CliError(
    'usage',
    `${path} is not the public key of a plane`,
    'Make it on the other machine: karta plane-key control|data > key.json',
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

function listOf(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
