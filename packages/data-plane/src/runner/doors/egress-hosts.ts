import { type ChannelOrder, KartaError, type NetworkTarget } from '@karta/protocol';
import type { SandboxHost } from '@karta/sandbox';

type EgressOrder = ChannelOrder['egress'];

/** Where plain HTTP is spoken by default. */
const HTTP_PORT = 80;

/** Names of the secrets that the doors add to requests. */
export function injectedSecrets(allow: readonly NetworkTarget[]): string[] {
  return [...new Set(allow.flatMap(({ inject }) => (inject === null ? [] : [inject.secret])))];
}

/**
 * The allowed hosts as the doors are told of them, with the values of the headers they add. Throws
 * `KartaError('harness_failed')` naming a secret without a value.
 */
export function egressOrder(
  allow: readonly NetworkTarget[],
  secrets: Readonly<Record<string, string>>,
): EgressOrder {
  return allow.map(({ host, port, inject }) => {
    if (inject === null) return { host, port, inject };
    const value = secrets[inject.secret];
    if (value === undefined) {
      const problem = `The secret ${inject.secret}, which ${host} needs, has no value. Set it and retry.`;
      throw new KartaError('harness_failed', problem);
    }
    return { host, port, inject: { header: inject.header, value: inject.prefix + value.trim() } };
  });
}

/**
 * The hosts as the sandbox shows them. One that gets a header is spoken to by plain HTTP, so it
 * answers on that port too: `http://host/` is what clients are given.
 */
export function sandboxHosts(
  order: EgressOrder,
  sockets: readonly { host: string; port: number; socket_path: string }[],
): SandboxHost[] {
  const hosts = sockets.map(({ host, port, socket_path }) => ({
    ...{ name: host, port, socket: socket_path },
  }));
  const plain = order.flatMap(({ host, port, inject }) => {
    const taken = order.some((other) => other.host === host && other.port === HTTP_PORT);
    const own = hosts.find((known) => known.name === host && known.port === port);
    return inject === null || taken || own === undefined ? [] : [{ ...own, port: HTTP_PORT }];
  });
  const first = plain.filter(({ name }, at) => plain.findIndex((one) => one.name === name) === at);
  return [...hosts, ...first];
}
