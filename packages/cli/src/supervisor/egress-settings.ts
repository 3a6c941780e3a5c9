import { readFile } from 'node:fs/promises';
import { addressPolicy } from '@karta/service/network';
import { CliError } from '../cli-error.ts';
import { listSetting } from './list-setting.ts';

/** How the egress door of a server reaches the network, as its configuration line has it. */
export interface EgressSettings {
  allow_private: string[];
  dns_servers: string[];
  hosts: Record<string, string[]>;
  ca_certificates: string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads `KARTA_EGRESS_PRIVATE` (addresses and ranges), `KARTA_EGRESS_DNS` (name servers),
 * `KARTA_EGRESS_HOSTS` (`name=address`, several of one name add up) and `KARTA_EGRESS_CA` (a file of
 * certificates), each a list by commas. Throws `CliError('usage')` naming what cannot be read.
 */
export async function egressSettings(environment: Environment): Promise<EgressSettings> {
  const allow = listSetting(environment.KARTA_EGRESS_PRIVATE);
  try {
    addressPolicy(allow);
  } catch (error) {
    throw unusable('KARTA_EGRESS_PRIVATE', (error as Error).message, error);
  }
  return {
    allow_private: allow,
    dns_servers: listSetting(environment.KARTA_EGRESS_DNS),
    hosts: hostsOf(environment.KARTA_EGRESS_HOSTS),
    ca_certificates: await certificatesOf(environment.KARTA_EGRESS_CA),
  };
}

function hostsOf(text: string | undefined): Record<string, string[]> {
  const hosts = new Map<string, string[]>();
  for (const entry of listSetting(text)) {
    const [name = '', address = '', ...more] = entry.split('=').map((part) => part.trim());
    if (name === '' || address === '' || more.length > 0) {
      throw unusable('KARTA_EGRESS_HOSTS', `"${entry}" is not name=address`);
    }
    hosts.set(name.toLowerCase(), [...(hosts.get(name.toLowerCase()) ?? []), address]);
  }
  return Object.fromEntries(hosts);
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

async function certificatesOf(path: string | undefined): Promise<string[]> {
  if (!path) return [];
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw unusable('KARTA_EGRESS_CA', `${path} cannot be read`, error);
  });
  const found = text.match(CERTIFICATE);
  if (found === null) throw unusable('KARTA_EGRESS_CA', `${path} has no certificate`);
  return [...found];
}

function unusable(name: string, why: string, cause?: unknown): CliError {
  return new CliError(
    'usage',
    `${name} cannot be used: ${why}`,
    `Correct ${name} and start again.`,
    {
      ...(cause === undefined ? {} : { cause }),
    },
  );
}
